//! The Policer's part of the story: connections between Pods before there is a policy, with it, and after it. Each table is
//! measured, and compared with what `danm-policer evaluate` says of the same objects.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use danm_api::{ApiGroup, DanmKind, VERSION};
use http::Method;
use operator_runtime::LookArgs;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::{
    connection::{self, Connection, Count, Outcomes, Verdicts, table},
    established::Established,
    policer::{Agent, Answer, Policer},
    say, show_lines,
    stage::Stage,
    town::{self, PORT, Place, Town},
};

/// What is applied. A database answers who asks it by the storage network, and asks nobody.
const POLICY: &str = "\
apiVersion: danm.io/v1
kind: DanmNetworkPolicy
metadata: { namespace: shop, name: db }
spec:
  podSelector: { matchLabels: { app: db } }
  policyTypes: [Ingress, Egress]
  ingress:
    - from: [{ podSelector: { matchLabels: { app: web } }, networkSelector: [{ name: storage }] }]
      ports: [{ port: 5432 }]
";

/// The Pod that it isolates.
const ISOLATED: &str = "shop/db";

/// A connection that is allowed with the policy, one of the same Pods that is not, and one that is open when the policy comes.
const ALLOWED: Connection = Connection { from: Place { pod: 1, lan: 1 }, to: Place { pod: 0, lan: 1 } };
const DENIED: Connection = Connection { from: Place { pod: 1, lan: 0 }, to: Place { pod: 0, lan: 0 } };
const OLDER: Connection = Connection { from: Place { pod: 2, lan: 1 }, to: Place { pod: 0, lan: 1 } };

/// Pods that run, and the agent of their node. They are gone when this is dropped.
pub(super) struct Enforcement {
    town: Town,
    agent: Agent,
    policer: Policer,
    objects: PathBuf,
    policy: PathBuf,
}

// === impl Enforcement ===

impl Enforcement {
    /// Has the Pods run, whose objects are in the cluster already, and their agent.
    pub(super) async fn begin(kubeconfig: &Path, folder: &Path) -> anyhow::Result<Self> {
        let town = block_in_place(|| Town::build(folder)).context("cannot make Pods")?;
        let [objects, policy] = ["objects.json", "policy.yaml"].map(|name| folder.join(name));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": town::objects()});
        fs::write(&objects, list.to_string()).context("cannot write objects")?;
        fs::write(&policy, POLICY).context("cannot write a policy")?;
        let agent = Agent::start(kubeconfig, &town, folder)?;
        say(&format!(
            "Four Pods that are real network namespaces, on two bridges, and the real danm-policer as the agent of their node:\n  {}",
            agent.command_line()
        ))?;
        agent.ready().await?;
        let policer = Policer::new(kubeconfig, LookArgs::default().screen());
        Ok(Self { town, agent, policer, objects, policy })
    }

    /// Plays until the policy is in force.
    pub(super) async fn play(&self, stage: &Stage) -> anyhow::Result<Count> {
        let older = block_in_place(|| Established::open(OLDER, &self.town))?;
        let words =
            format!("No policy yet. TCP {PORT}, tried by real connections; rows open them to columns:");
        self.measure(&words, false).await?;

        say("A policy for the database, applied to the API server:")?;
        show_lines(POLICY)?;
        let policy: Value = serde_saphyr::from_str(POLICY).context("the policy is no YAML")?;
        stage.send(Method::POST, &policies(), Some(&policy)).await?;
        self.agent.enforces(&[ISOLATED]).await?;
        let count =
            self.measure("Its rules are in the Pod's own kernel. The same connections again:", true).await?;
        ensure!(count.open > 0 && count.denied > 0, "nothing is denied, or nothing is allowed: {count:?}");
        ensure!(block_in_place(|| older.is_cut()), "{OLDER} was open before the policy, and was not cut");
        let packets = self.policer.denied_packets(&self.town).await?;
        ensure!(packets >= count.denied as u64, "the kernel has counted {packets} denied packets alone");
        show_lines(&format!(
            "\n{OLDER} was open before the policy came: it is cut.\n\
             The kernel has counted {packets} denied packets; `danm-policer stats` says by which rule of which Pod."
        ))?;

        self.explain(DENIED, "DENIED").await?;
        self.explain(ALLOWED, "ALLOWED").await?;
        Ok(count)
    }

    /// Takes the policy away again: everything is open as before.
    pub(super) async fn let_go(&self, stage: &Stage) -> anyhow::Result<()> {
        stage.send(Method::DELETE, &format!("{}/db", policies()), None).await?;
        self.agent.enforces(&[]).await?;
        let (outcomes, verdicts) = self.look(false).await?;
        connection::compare(&outcomes, &verdicts).context("the policy is gone")?;
        Ok(())
    }

    /// Ends the agent in order, and with it all that is left of the Pods.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.agent.stop().await
    }

    async fn look(&self, with_policy: bool) -> anyhow::Result<(Outcomes, Verdicts)> {
        let files = [&self.objects].into_iter().chain(with_policy.then_some(&self.policy));
        let verdicts = self.policer.evaluate(&files.cloned().collect::<Vec<_>>()).await?;
        Ok((block_in_place(|| connection::measure(&self.town))?, verdicts))
    }

    /// Shows what connections come to, and compares it with what is said of them.
    async fn measure(&self, words: &str, with_policy: bool) -> anyhow::Result<Count> {
        let (outcomes, verdicts) = self.look(with_policy).await?;
        say(words)?;
        let lines = table::lines(&outcomes, &verdicts, &LookArgs::default().screen());
        show_lines(&lines.join("\n"))?;
        connection::compare(&outcomes, &verdicts)
    }

    async fn explain(&self, connection: Connection, expected: &str) -> anyhow::Result<()> {
        let Answer { question, text } = self.policer.explain(connection).await?;
        ensure!(text.contains(expected), "`{question}` does not say {expected}: {text}");
        say(&format!("  $ {question}"))?;
        let lines = text.lines().filter(|line| !line.is_empty());
        show_lines(&lines.collect::<Vec<_>>().join("\n"))
    }
}

fn policies() -> String {
    let plural = DanmKind::NetworkPolicy.plural();
    format!("/apis/{}/{VERSION}/namespaces/shop/{plural}", ApiGroup::DanmIo)
}
