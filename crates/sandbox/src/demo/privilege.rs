//! Whether this process may make network namespaces, and where not, how it comes to be allowed to: as root of a user namespace
//! of its own. Its network stays that of everybody.

use std::{
    env,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use anyhow::Context;

/// What makes somebody root of a user namespace.
const USER_NAMESPACE: [&str; 2] = ["--user", "--map-root-user"];

/// Makes sure that network namespaces can be made; this program begins anew for that where it has to. Gives the reason why
/// they cannot.
///
/// # Errors
/// If it cannot begin anew.
pub(super) fn provide() -> anyhow::Result<Option<&'static str>> {
    if !works(Command::new("ip").arg("-V")) {
        return Ok(Some("there is no program `ip` (package iproute2)"));
    }
    if !works(Command::new("unshare").arg("--version")) {
        return Ok(Some("there is no program `unshare` (package util-linux)"));
    }
    if may_make_namespaces(&[]) {
        return Ok(None);
    }
    if !may_make_namespaces(&USER_NAMESPACE) {
        return Ok(Some(
            "network namespaces with bridges cannot be made here, neither as root nor in a user namespace",
        ));
    }
    let this = env::current_exe().context("cannot tell where this program is")?;
    let error = Command::new("unshare").args(USER_NAMESPACE).arg(this).args(env::args_os().skip(1)).exec();
    Err(error).context("cannot begin anew in a user namespace")
}

/// What is made is gone at once: nobody is in its namespace.
fn may_make_namespaces(flags: &[&str]) -> bool {
    let bridge = ["--net", "ip", "link", "add", "bridge", "type", "bridge"];
    works(Command::new("unshare").args(flags).args(bridge))
}

fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
