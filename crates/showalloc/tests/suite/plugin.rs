//! `kubectl danm`: the real kubectl of the control plane, which finds the plugin in its PATH.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use futures::future::join_all;
use testkit::{Cluster, ControlPlane};
use tokio::process::Command;

use crate::{
    check::rows,
    program::{Run, ask, command, json, run},
    snapshot::steady,
    town::town,
};

/// The program under the name by which kubectl finds it.
fn plugin(arguments: &[&str]) -> Command {
    command(&folder_of_plugin().join("kubectl-danm"), arguments)
}

/// A folder in which there is the plugin and nothing else.
fn folder_of_plugin() -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin");
        fs::create_dir_all(&folder).expect("a folder");
        let plugin = folder.join("kubectl-danm");
        if let Err(error) = symlink(env!("CARGO_BIN_EXE_showalloc"), plugin) {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        }
        folder
    });
    FOLDER.clone()
}

/// kubectl as somebody calls it whose kubeconfig is in the environment.
fn kubectl(cluster: &Cluster, arguments: &str) -> Command {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let mut command = command(&ControlPlane::binary("kubectl"), &arguments);
    command.env("PATH", folder_of_plugin()).env("KUBECONFIG", cluster.kubeconfig());
    command
}

async fn kubectl_danm(cluster: &Cluster, arguments: &str) -> Run {
    run(kubectl(cluster, &format!("danm {arguments}"))).await
}

#[tokio::test]
async fn kubectl_runs_the_plugin_as_if_it_were_its_own() {
    let Some(cluster) = town().await else { return };
    for arguments in ["networks -A", "show internal -n ran", "ip 10.0.0.5", "map backbone", "check -A"] {
        let contexts = ["", " --context test --user=admin --cluster=test"];
        let commands = contexts.map(|context| format!("{arguments}{context}"));
        let runs = join_all(commands.iter().map(|command| kubectl_danm(&cluster, command))).await;
        let own = steady(&ask(&cluster, arguments).await.clean());
        for (command, run) in commands.iter().zip(runs) {
            assert_eq!(steady(&run.clean()), own, "{command}");
        }
    }

    // The exit code comes through.
    let found = kubectl_danm(&cluster, "check -A --exit-code -o json").await;
    assert_eq!((found.code, &*found.err), (Some(1), ""), "{found:#?}");
    assert_eq!(rows(&json(&found.out)).len(), 10);
    let none = kubectl_danm(&cluster, "check dn/overlap -n ran --exit-code").await;
    assert_eq!(none.code, Some(0), "{none:#?}");
    let refused = kubectl_danm(&cluster, "show nope -n ran").await;
    assert_eq!(refused.error(), "there is no network nope in namespace ran; `networks -A` shows all");
    let elsewhere = kubectl_danm(&cluster, "networks --context nowhere").await;
    assert!(elsewhere.error().contains("nowhere"), "{elsewhere:#?}");
}

#[tokio::test]
async fn help_shows_how_kubectl_is_called() {
    let Ok(cluster) = crate::cluster().await else { return };
    let help = kubectl_danm(&cluster, "--help").await.clean();
    assert!(help.contains("\nUsage: kubectl danm [OPTIONS] <COMMAND>\n"), "{help}");
    for name in ["show", "networks", "ip", "check", "map", "top"] {
        let help = kubectl_danm(&cluster, &format!("{name} --help")).await.clean();
        assert!(help.contains(&format!("\nUsage: kubectl danm {name} [OPTIONS]")), "{help}");
    }
    let wrong = kubectl_danm(&cluster, "show --no-such-flag").await;
    assert_eq!(wrong.code, Some(2), "{wrong:#?}");
    assert!(wrong.err.contains("\nUsage: kubectl danm show "), "{wrong:#?}");
    let list = run(kubectl(&cluster, "plugin list --name-only")).await;
    assert_eq!(list.out.trim_end().lines().last(), Some("kubectl-danm"), "{list:#?}");
}

#[tokio::test]
async fn under_its_own_name_it_is_called_by_that() {
    let own = run(crate::program::program(&["show", "--help"])).await.clean();
    assert!(own.contains("\nUsage: showalloc show [OPTIONS]"), "{own}");
    let version = run(plugin(&["--version"])).await.clean();
    assert_eq!(version.split_whitespace().last(), Some(env!("CARGO_PKG_VERSION")));
    let nothing = run(plugin(&[])).await;
    assert_eq!(nothing.code, Some(2), "{nothing:#?}");
    assert!(nothing.err.contains("Usage: kubectl danm "), "{nothing:#?}");
}
