//! A small town on one node, for tests of what is enforced: a database, those who ask it, and the policy about that.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use testkit::{Cluster, Running, objects};

use crate::{
    node::{Node, Pod, labelled},
    policies::{clear, policy},
};

/// A database, those who ask it, and somebody in another namespace.
pub struct Town {
    pub cluster: Cluster,
    pub node: Node,
    pub db: Pod,
    pub web: Pod,
    pub batch: Pod,
    pub guest: Pod,
}

impl Town {
    /// None where there is no server, or no namespaces.
    pub async fn new() -> Option<Self> {
        let mut cluster = crate::cluster().await.ok()?;
        clear(&cluster).await;
        let mut node = Node::new()?;
        let db = node.pod(&mut cluster, labelled("db", "db")).await?;
        let web = node.pod(&mut cluster, labelled("web", "web")).await?;
        let batch = node.pod(&mut cluster, labelled("batch", "batch")).await?;
        let guest = node.pod(&mut cluster, objects::pod("guests", "guest", "node-a")).await?;
        Some(Self { cluster, node, db, web, batch, guest })
    }

    pub async fn agent(&self) -> Running {
        let agent = self.node.agent(&self.cluster).await;
        agent.ready().await;
        agent
    }

    /// A kubeconfig like that of the cluster, for a server that there is not.
    pub fn way_to_nowhere(&self) -> PathBuf {
        let text = fs::read_to_string(self.cluster.kubeconfig()).expect("a kubeconfig");
        let (before, server) = text.split_once("://").expect("a server");
        let end =
            server.find(|letter: char| letter.is_whitespace() || "'\",".contains(letter)).expect("its end");
        let path = self.node.state().join("kubeconfig");
        fs::write(&path, format!("{before}://127.0.0.1:1{}", &server[end..])).expect("written");
        path
    }

    /// Whether the database is reached on its port by the first, and not by the second.
    pub fn assert_is_isolated(&self) {
        assert_eq!((self.web.reaches(&self.db, 80), self.batch.reaches(&self.db, 80)), (true, false));
    }
}

/// Who may reach the database, and at which port.
pub fn database(from: &Value, port: &Value) -> Value {
    let spec = json!({
        "podSelector": {"matchLabels": {"app": "db"}},
        "ingress": [{"from": from, "ports": [{"port": port}]}],
    });
    policy("db", &spec)
}

pub fn from_web() -> Value {
    json!([{"podSelector": {"matchLabels": {"app": "web"}}}])
}
