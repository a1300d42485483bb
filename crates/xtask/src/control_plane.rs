//! Builds the real control plane (a Go module) once, and keeps it in the user's cache under a key of its
//! sources. Starting it is `testkit`'s business.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::workspace::{has, root, succeed};

/// The programs that the one binary is, by the name it is called under.
const NAMES: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

/// The version that the programs say they are: that of `k8s.io/kubernetes` in go.mod.
const MODULE: &str = "k8s.io/kubernetes ";

/// The folder with the programs. Builds them if they are not in the cache.
pub fn provide() -> Result<PathBuf> {
    let sources = root().join("control-plane");
    let folder = cache()?.join(key(&sources)?);
    if !folder.join("kubectl").exists() {
        build(&sources, &folder)?;
    }
    link_for_cargo(&folder)?;
    Ok(folder)
}

/// Why they cannot be built here, if they cannot and are not in the cache.
pub fn hindrance() -> Option<&'static str> {
    let is_cached =
        || Some(cache().ok()?.join(key(&root().join("control-plane")).ok()?).join("kubectl").exists());
    (!has("go") && is_cached() != Some(true)).then_some("there is no go on this machine to build it with")
}

fn build(sources: &Path, folder: &Path) -> Result<()> {
    ensure!(has("go"), "no go on the path: it is needed to build the control plane");
    println!("building the control plane (some minutes; kept in {})", folder.display());
    let partial = folder.with_extension(format!("partial-{}", std::process::id()));
    fs::create_dir_all(&partial)?;
    let version = version(sources)?;
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let set = |name: &str, value: &str| format!("-X k8s.io/component-base/version.{name}={value}");
    let flags = [
        "-s -w".to_owned(),
        set("gitVersion", &version),
        set("gitMajor", major),
        set("gitMinor", minor),
        set("gitTreeState", "clean"),
    ];
    let mut go = Command::new("go");
    go.current_dir(sources).env("CGO_ENABLED", "0").args([
        "build",
        "-trimpath",
        "-ldflags",
        &flags.join(" "),
        "-o",
    ]);
    succeed(go.arg(partial.join("control-plane")).arg("."))?;
    for name in NAMES {
        symlink("control-plane", partial.join(name))?;
    }
    match fs::rename(&partial, folder) {
        // Somebody else built it meanwhile.
        Err(_) if folder.join("kubectl").exists() => {
            fs::remove_dir_all(&partial).context("cannot remove a build")
        }
        result => result.with_context(|| format!("cannot move the build to {}", folder.display())),
    }
}

/// Where a plain `cargo test` looks for it.
fn link_for_cargo(folder: &Path) -> Result<()> {
    let link = root().join("target/control-plane");
    fs::create_dir_all(root().join("target"))?;
    if fs::read_link(&link).is_ok_and(|target| target == folder) {
        return Ok(());
    }
    match fs::remove_file(&link) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    symlink(folder, &link).with_context(|| format!("cannot link {}", link.display()))
}

fn cache() -> Result<PathBuf> {
    let user = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let user = user.or_else(|| env::home_dir().map(|home| home.join(".cache")));
    Ok(user.context("no home folder to keep the control plane in")?.join("danm-utils/control-plane"))
}

/// Changes when the sources do.
fn key(sources: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in ["go.mod", "go.sum", "main.go"] {
        fs::read(sources.join(file)).with_context(|| format!("cannot read {file}"))?.hash(&mut hasher);
    }
    Ok(format!("{}-{:016x}", version(sources)?, hasher.finish()))
}

fn version(sources: &Path) -> Result<String> {
    let module = fs::read_to_string(sources.join("go.mod"))?;
    let version = module.lines().find_map(|line| line.trim().strip_prefix(MODULE));
    Ok(version.context("go.mod requires no k8s.io/kubernetes")?.to_owned())
}
