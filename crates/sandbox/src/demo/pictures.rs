//! What the networks look like: the real `showalloc` is asked, as people would ask it.

use std::{path::Path, process::Stdio};

use anyhow::{Context, ensure};
use operator_runtime::LookArgs;
use tokio::process::Command;

use super::program::program;

const NAME: &str = "showalloc";

/// What is asked: how full all networks are, and one of them as a picture.
const QUESTIONS: [&[&str]; 2] = [&["networks", "-A"], &["map", "danmnet/fronthaul", "-n", "ran"]];

/// The lines that show the networks as they are.
pub(super) async fn pictures(kubeconfig: &Path) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for question in QUESTIONS {
        lines.push(format!("$ {NAME} {}", question.join(" ")));
        lines.extend(answer(kubeconfig, question).await?.lines().map(str::to_owned));
    }
    Ok(lines)
}

async fn answer(kubeconfig: &Path, question: &[&str]) -> anyhow::Result<String> {
    let colour = if LookArgs::default().screen().is_coloured { "always" } else { "never" };
    let answer = Command::new(program(NAME)?)
        .args(question)
        .args(["--width", "110", "--color", colour])
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .with_context(|| format!("cannot start {NAME}"))?;
    ensure!(answer.status.success(), "{NAME} {} ended with {}", question.join(" "), answer.status);
    String::from_utf8(answer.stdout).context("its output is no text")
}
