//! The real `danm-cleaner`, and what the story wants to know of it.

use std::path::Path;

use super::running::Running;

/// Times made short for a demo. The brake is as it is by default.
const FLAGS: [&str; 4] =
    ["--grace=1s", "--ownership-window=3s", "--audit-interval=5s", "--brake-hold=forever"];

/// A `danm-cleaner` that runs.
pub(super) struct RunningCleaner(Running);

impl RunningCleaner {
    /// Starts the one that was built with this program.
    pub(super) fn start(kubeconfig: &Path, folder: &Path) -> anyhow::Result<Self> {
        let access = ["--kubeconfig".to_owned(), kubeconfig.display().to_string()];
        let arguments: Vec<String> = access.into_iter().chain(FLAGS.map(str::to_owned)).collect();
        Running::start("danm-cleaner", &arguments, folder).map(Self)
    }

    /// How it was called.
    pub(super) fn command_line(&self) -> &str {
        self.0.command_line()
    }

    /// Waits until it leads and has seen everything.
    pub(super) async fn ready(&self) -> anyhow::Result<()> {
        let is_ready = |state: &serde_json::Value| {
            (state["leading"] == true && state["canJudge"] == true && state["endpoints"].as_u64() > Some(0))
                .then_some(())
        };
        self.0.until("it leads", is_ready).await
    }

    /// Waits until the brake holds, and gives its reason.
    pub(super) async fn brake_holds(&self) -> anyhow::Result<String> {
        let holds = |state: &serde_json::Value| {
            let brake = &state["brake"];
            (brake["state"] == "holds").then(|| brake["why"].as_str().unwrap_or_default().to_owned())
        };
        self.0.until("the brake holds", holds).await
    }

    /// Ends it in order.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.0.stop().await
    }
}
