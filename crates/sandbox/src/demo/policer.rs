//! The real `danm-policer`: as the agent of the node, and as people ask it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use operator_runtime::Screen;
use serde_json::Value;
use tokio::process::Command;

use super::{
    connection::{Connection, Verdict, Verdicts},
    program::program,
    running::Running,
    town::{LANS, NODE, PODS, PORT, Place, Town},
};

const NAME: &str = "danm-policer";

/// The agent.
pub(super) struct Agent(Running);

/// What is asked, and of whom.
pub(super) struct Policer {
    kubeconfig: PathBuf,
    screen: Screen,
}

/// A question as it is typed, and the answer.
pub(super) struct Answer {
    pub question: String,
    pub text: String,
}

// === impl Agent ===

impl Agent {
    /// Starts the one that was built with this program, on the node of the town.
    pub(super) fn start(kubeconfig: &Path, town: &Town, folder: &Path) -> anyhow::Result<Self> {
        let begin = ["agent".to_owned(), "--kubeconfig".to_owned(), kubeconfig.display().to_string()];
        let arguments: Vec<String> =
            begin.into_iter().chain([format!("--node-name={NODE}")]).chain(town.place()).collect();
        Running::start(NAME, &arguments, folder).map(Self)
    }

    /// How it was called.
    pub(super) fn command_line(&self) -> &str {
        self.0.command_line()
    }

    /// Waits until it has seen everything.
    pub(super) async fn ready(&self) -> anyhow::Result<()> {
        self.0.ready().await
    }

    /// Waits until the kernels have rules for exactly these Pods, each as `namespace/name`.
    pub(super) async fn enforces(&self, pods: &[&str]) -> anyhow::Result<()> {
        let what = format!("rules are in the kernels of these Pods and no others: {pods:?}");
        let waited = self.0.until(&what, |state| (enforced(state)? == pods).then_some(())).await;
        if waited.is_err() {
            let told = self.0.until("it tells of Pods", |state| Some(state["pods"].to_string())).await?;
            return waited.with_context(|| format!("of its Pods danm-policer says {told}"));
        }
        Ok(())
    }

    /// Ends it in order.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.0.stop().await
    }
}

/// The Pods that have their rules, if none lacks them.
fn enforced(state: &Value) -> Option<Vec<String>> {
    let name = |pod: &Value| {
        let text = |field: &str| pod[field].as_str();
        (text("state")? == "enforced").then_some(())?;
        Some(format!("{}/{}", text("namespace")?, text("name")?))
    };
    state["pods"].as_array()?.iter().map(name).collect()
}

// === impl Policer ===

impl Policer {
    pub(super) fn new(kubeconfig: &Path, screen: Screen) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), screen }
    }

    /// Why a connection comes about in the cluster as it is, or does not.
    pub(super) async fn explain(&self, connection: Connection) -> anyhow::Result<Answer> {
        let Connection { from, to } = connection;
        let question = format!("{NAME} explain --from {from} --to {to} --port TCP/{PORT}");
        let kubeconfig = ["--kubeconfig".to_owned(), self.kubeconfig.display().to_string()];
        let text = self.ask(&question, &kubeconfig).await?;
        Ok(Answer { question, text })
    }

    /// How many packets the kernels of a town have counted as denied.
    pub(super) async fn denied_packets(&self, town: &Town) -> anyhow::Result<u64> {
        let document = self.ask(&format!("{NAME} stats -o json"), &town.place()).await?;
        let document: Value = serde_json::from_str(&document).context("its output is no JSON")?;
        let denied = list(&document["statistics"])?.iter().filter(|one| one["verdict"] == "deny");
        denied.map(|one| one["packets"].as_u64().context("a number of packets is missing")).sum()
    }

    /// What it says of all connections, by objects in these files.
    pub(super) async fn evaluate(&self, files: &[PathBuf]) -> anyhow::Result<Verdicts> {
        let question = format!("{NAME} evaluate --probe TCP/{PORT} -o json");
        let files = files.iter().map(|file| format!("--objects={}", file.display())).collect::<Vec<_>>();
        let document = self.ask(&question, &files).await?;
        verdicts(&document)
    }

    async fn ask(&self, question: &str, more: &[String]) -> anyhow::Result<String> {
        let colour = if self.screen.is_coloured { "--color=always" } else { "--color=never" };
        let output = Command::new(program(NAME)?)
            .args(question.split(' ').skip(1))
            .args(["--width=110", colour])
            .args(more)
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot start {NAME}"))?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{question}` ended with {}: {}", output.status, told.trim());
        String::from_utf8(output.stdout).context("its output is no text")
    }
}

/// Reads what `evaluate -o json` says. Of connections from one network to another nothing is asked.
fn verdicts(document: &str) -> anyhow::Result<Verdicts> {
    let document: Value = serde_json::from_str(document).context("its output is no JSON")?;
    let ends: Vec<Option<Place>> = list(&document["endpoints"])?.iter().map(place).collect();
    let end = |number: &Value| *ends.get(usize::try_from(number.as_u64()?).ok()?)?;
    let mut verdicts = Verdicts::new();
    for result in list(&document["results"])? {
        let (Some(from), Some(to)) = (end(&result["from"]), end(&result["to"])) else { continue };
        let verdict = Verdict::of(is_allowed(&result["egress"])?, is_allowed(&result["ingress"])?);
        if from.lan == to.lan {
            verdicts.insert(Connection { from, to }, verdict);
        }
    }
    Ok(verdicts)
}

fn list(value: &Value) -> anyhow::Result<&Vec<Value>> {
    value.as_array().context("a list is missing in its output")
}

fn place(endpoint: &Value) -> Option<Place> {
    let pod =
        PODS.iter().position(|pod| endpoint["namespace"] == pod.namespace && endpoint["pod"] == pod.name)?;
    let lan = LANS.iter().position(|lan| endpoint["interface"] == lan.interface)?;
    Some(Place { pod, lan })
}

fn is_allowed(word: &Value) -> anyhow::Result<bool> {
    match word.as_str() {
        Some("allow") => Ok(true),
        Some("deny") => Ok(false),
        _ => bail!("{word} is no verdict"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_what_is_said_of_all_ends_only_connections_of_the_town_within_a_network_are_taken() {
        let end = |namespace: &str, pod: &str, interface: &str| json!({"namespace": namespace, "pod": pod, "interface": interface});
        let ends = [
            end("ran", "db", "eth0"),
            end("shop", "db", "eth0"),
            end("shop", "web", "eth0"),
            end("shop", "web", "net1"),
        ];
        let result = |from: usize, to: usize, egress: &str, ingress: &str| json!({"from": from, "to": to, "egress": egress, "ingress": ingress});
        let results = [
            result(0, 1, "allow", "allow"),
            result(2, 1, "allow", "deny"),
            result(1, 2, "deny", "allow"),
            result(3, 1, "allow", "allow"),
        ];
        let document = json!({"endpoints": ends, "results": results}).to_string();
        let [db, web] = [Place { pod: 0, lan: 0 }, Place { pod: 1, lan: 0 }];
        let expected = [
            (Connection { from: web, to: db }, Verdict::NotIn),
            (Connection { from: db, to: web }, Verdict::NotOut),
        ];
        assert_eq!(verdicts(&document).expect("it is a document"), Verdicts::from(expected));
        assert!(verdicts(&document.replace("deny", "denied")).is_err(), "that is no verdict");
    }

    #[test]
    fn rules_are_in_place_when_no_pod_lacks_them() {
        let pod = |name: &str, state: &str| json!({"namespace": "shop", "name": name, "state": state});
        let enforced = |pods: &[Value]| enforced(&json!({"pods": pods}));
        assert_eq!(enforced(&[pod("db", "enforced")]), Some(vec!["shop/db".to_owned()]));
        assert_eq!(enforced(&[pod("db", "enforced"), pod("web", "failed")]), None);
        assert_eq!(enforced(&[]), Some(Vec::new()));
    }
}
