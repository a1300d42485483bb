//! The real control plane: etcd and kube-apiserver, and controllers of the kube-controller-manager where a test
//! needs them, on free loopback ports and in a temporary folder. What is in the cluster is `cluster.rs`'s
//! business; how the binaries are built is that of `cargo xtask`.

use std::{
    env,
    fs::{self, File},
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// Names the folder of the binaries, where it is not the usual one.
const FOLDER: &str = "DANM_CONTROL_PLANE";

/// Asks a binary to end when its standard input is closed: when we end, however that is.
const END_WITH_STDIN: &str = "CONTROL_PLANE_END_WITH_STDIN";

/// A slow machine under load needs some seconds.
const START: Duration = Duration::from_secs(120);

/// The user that may do everything.
const ADMIN: &str = "admin";

/// The users that may do nothing until a test gives them rights.
const USERS: [&str; 2] = ["cleaner", "policer"];

/// A shell that removes its argument as soon as its standard input is closed, and tries for some seconds until those who
/// still write there have ended.
const SWEEP: &str =
    "trap '' HUP INT TERM; cat; n=0; until rm -rf \"$0\" || [ $n -gt 99 ]; do n=$((n+1)); sleep 0.1; done";

/// A running control plane. It ends with this value, or with the process, and leaves nothing behind.
#[derive(Debug)]
pub struct ControlPlane {
    processes: Vec<Process>,
    folder: TempDir,
    server: String,
    /// Removes the folder where no destructor does: of a value in a `static`, of a process that was killed.
    _sweeper: ChildStdin,
}

/// Why there is no control plane.
#[derive(Debug)]
pub struct Unavailable(pub String);

/// A process of the control plane. It ends with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Open as long as the process is to run.
    _stdin: Option<ChildStdin>,
}

impl ControlPlane {
    /// Starts etcd and kube-apiserver and waits until the server is ready.
    ///
    /// # Errors
    /// If the binaries are not there. With `CI` set that is a failure, and panics: no tier is skipped there.
    ///
    /// # Panics
    /// If a binary does not start: then the tests have no server.
    pub fn start() -> Result<Self, Unavailable> {
        let binaries = available()?;
        Ok(Self::run(&binaries).unwrap_or_else(|error| panic!("no control plane: {error:#}")))
    }

    /// A kubeconfig of the user that may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig_of(ADMIN)
    }

    /// A kubeconfig of a user that has only the rights that a test gave to it.
    pub fn kubeconfig_of(&self, user: &str) -> PathBuf {
        self.folder.path().join(format!("{user}.kubeconfig"))
    }

    /// One of the binaries, such as `kubectl`.
    ///
    /// # Panics
    /// Never: this control plane was started from them.
    pub fn binary(name: &str) -> PathBuf {
        binaries().expect("a control plane was started").join(name)
    }

    /// Starts controllers of the kube-controller-manager, such as `pod-garbage-collector-controller`. They end
    /// with the value.
    ///
    /// # Errors
    /// If the kube-controller-manager does not start.
    pub fn start_controllers(&self, controllers: &[&str]) -> Result<Process> {
        let mut command = command("kube-controller-manager", self.folder.path())?;
        command.arg(format!("--kubeconfig={}", self.kubeconfig().display()));
        command.arg(format!("--controllers={}", controllers.join(",")));
        command.args(["--leader-elect=false", "--secure-port=0"]);
        Process::spawn(command)
    }

    fn run(binaries: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("danm-control-plane-").tempdir()?;
        let sweeper = sweeper(folder.path())?;
        let [client, peer, secure] = free_ports()?;
        let server = format!("https://127.0.0.1:{secure}");
        write_users(folder.path(), &server)?;
        let etcd = Process::spawn(etcd(folder.path(), client, peer)?)?;
        let api_server = Process::spawn(api_server(folder.path(), client, secure)?)?;
        let processes = vec![etcd, api_server];
        let mut plane = Self { processes, folder, server, _sweeper: sweeper };
        plane.wait(binaries)?;
        Ok(plane)
    }

    /// The server's own `/readyz`, asked by the real kubectl.
    fn wait(&mut self, binaries: &Path) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            let answer = Command::new(binaries.join("kubectl"))
                .arg("--kubeconfig")
                .arg(self.kubeconfig())
                .args(["get", "--raw", "/readyz", "--request-timeout=2s"])
                .output()?;
            if answer.status.success() {
                return Ok(());
            }
            for process in &mut self.processes {
                ensure!(process.child.try_wait()?.is_none(), "{} has ended\n{}", self.server, self.logs());
            }
            ensure!(
                Instant::now() < deadline,
                "{} is not ready after {START:?}\n{}",
                self.server,
                self.logs()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn logs(&self) -> String {
        let tail = |name: &str| {
            let log = fs::read_to_string(log_file(self.folder.path(), name)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(8).collect();
            format!("{name}:\n{}\n", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        tail("etcd") + &tail("kube-apiserver")
    }
}

impl Process {
    pub(crate) fn spawn(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).env(END_WITH_STDIN, "1");
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let stdin = child.stdin.take();
        Ok(Self { child, _stdin: stdin })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a process that outlives this one and removes the folder then.
pub(crate) fn sweeper(folder: &Path) -> Result<ChildStdin> {
    let mut shell = Command::new("sh");
    shell.args(["-c", SWEEP]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = shell.spawn().context("cannot start sh")?;
    child.stdin.take().context("its standard input is piped")
}

/// The folder of the binaries, or why there is none. With `CI` set that is a failure: no tier is skipped there.
pub(crate) fn available() -> Result<PathBuf, Unavailable> {
    match binaries() {
        Ok(binaries) => Ok(binaries),
        Err(reason) if env::var_os("CI").is_some() => {
            panic!("the control plane tier cannot be skipped: {reason}")
        }
        Err(reason) => Err(Unavailable(reason)),
    }
}

/// The folder of the binaries: what `xtask` says, or where it links its cache to.
fn binaries() -> Result<PathBuf, String> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/control-plane");
    let folder = env::var_os(FOLDER).map_or_else(usual, PathBuf::from);
    if folder.join("kube-apiserver").exists() {
        return Ok(folder);
    }
    Err(format!("there is no kube-apiserver in {}; cargo xtask control-plane builds it", folder.display()))
}

/// One of the programs, which tells what it does in a file of its folder.
pub(crate) fn command(name: &str, folder: &Path) -> Result<Command> {
    let log = File::create(log_file(folder, name))?;
    let mut command = Command::new(binaries().map_err(anyhow::Error::msg)?.join(name));
    command.stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

fn log_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

fn etcd(folder: &Path, client: u16, peer: u16) -> Result<Command> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = command("etcd", folder)?;
    command
        .arg("--data-dir")
        .arg(folder.join("etcd"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"]);
    Ok(command)
}

fn api_server(folder: &Path, etcd: u16, port: u16) -> Result<Command> {
    let file = |name: &str| folder.join(name).display().to_string();
    // The server makes a certificate for itself before it reads the key of service accounts: one key does.
    let key = file("certificates/apiserver.key");
    let mut command = command("kube-apiserver", folder)?;
    command.args([
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        format!("--secure-port={port}"),
        format!("--cert-dir={}", file("certificates")),
        format!("--token-auth-file={}", file("tokens.csv")),
        format!("--service-account-key-file={key}"),
        format!("--service-account-signing-key-file={key}"),
    ]);
    command.args([
        "--bind-address=127.0.0.1",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--service-account-issuer=https://kubernetes.default.svc",
    ]);
    Ok(command)
}

fn write_users(folder: &Path, server: &str) -> io::Result<()> {
    fs::create_dir(folder.join("certificates"))?;
    let admin = format!("{ADMIN}-token,{ADMIN},{ADMIN},system:masters\n");
    let users = USERS.map(|user| format!("{user}-token,{user},{user},\n")).concat();
    fs::write(folder.join("tokens.csv"), admin + &users)?;
    let authority = folder.join("certificates/apiserver.crt");
    for user in USERS.into_iter().chain([ADMIN]) {
        let kubeconfig = format!(
            "{{apiVersion: v1, kind: Config, current-context: test, \
             clusters: [{{name: test, cluster: {{server: '{server}', certificate-authority: '{}'}}}}], \
             users: [{{name: {user}, user: {{token: {user}-token}}}}], \
             contexts: [{{name: test, context: {{cluster: test, user: {user}}}}}]}}\n",
            authority.display()
        );
        fs::write(folder.join(format!("{user}.kubeconfig")), kubeconfig)?;
    }
    Ok(())
}

/// Ports that nobody listens on now. All are taken at once, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let listeners: Vec<TcpListener> =
        (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind_where_no_destructor_runs() {
        let folder = tempfile::tempdir().expect("a folder").keep();
        fs::write(folder.join("file"), "").expect("written");

        drop(sweeper(&folder).expect("there is sh"));

        let deadline = Instant::now() + START;
        while folder.exists() {
            assert!(Instant::now() < deadline, "{} is still there", folder.display());
            thread::sleep(Duration::from_millis(10));
        }
    }
}
