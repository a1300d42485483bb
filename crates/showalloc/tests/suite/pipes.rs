//! Readers that go away, as `head` does: a quiet end, and no failure.

use danm_api::NetworkKind;
use testkit::{AllocBits, BitIndex, Cluster, objects::with};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{
    program::{PATIENCE, asking, program},
    town::network,
};

pub mod tests {
    in_town!(whoever_stops_reading_ends_the_program_quietly);
}

const COMMANDS: [&str; 10] = [
    "networks -A",
    "networks -A -o json",
    "show -n ran internal -a",
    "show -n ran internal -o yaml",
    "show -n ran internal -o svg",
    "ip 10.0.0.5",
    "check -A",
    "check -A -o name",
    "map -n ran internal",
    "map -n ran internal --hilbert -o svg",
];

async fn whoever_stops_reading_ends_the_program_quietly(town: &Cluster) {
    for command in COMMANDS {
        let mut child = asking(town, command).spawn().expect("the program was built");
        drop(child.stdout.take());
        ends_quietly(child, command).await;
    }
}

/// More than fits into a pipe.
#[tokio::test]
async fn a_long_listing_of_which_one_line_is_read_ends_quietly() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let mut bits = AllocBits::clear(1 << 16);
    [0, (1 << 16) - 1].into_iter().for_each(|bit| bits.set(BitIndex(bit)));
    let large = with(network(NetworkKind::DanmNet, "large", 1, &[]), "/spec/Options/cidr", "10.1.0.0/16");
    cluster.create([with(large, "/spec/Options/alloc", bits.encode())]).await;
    let legacy = "-n ran -dnet large -a -kubeconfig";
    for arguments in ["show -n ran -a", "show -n ran -a -o wide", legacy] {
        let mut child = if arguments == legacy {
            let mut command = program(&arguments.split(' ').collect::<Vec<_>>());
            command.arg(cluster.kubeconfig()).spawn().expect("the program was built")
        } else {
            asking(&cluster, arguments).spawn().expect("the program was built")
        };
        let first = first_line(&mut child).await;
        assert!(first.contains("DanmNet"), "{arguments}: {first}");
        ends_quietly(child, arguments).await;
    }
}

#[tokio::test]
async fn help_that_nobody_reads_is_no_failure() {
    for arguments in [&["networks", "--help"][..], &["show", "-h"]] {
        let mut command: Command = program(arguments);
        let mut child = command.spawn().expect("the program was built");
        drop(child.stdout.take());
        ends_quietly(child, &arguments.join(" ")).await;
    }
}

async fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("it is piped"));
    reader.read_line(&mut line).await.expect("text");
    line
}

/// Waits for a program to end, which nobody reads any more.
pub async fn ends_quietly(mut child: Child, what: &str) {
    let mut err = String::new();
    let reading = child.stderr.take().expect("it is piped").read_to_string(&mut err).await;
    reading.expect("text");
    let status = timeout(PATIENCE, child.wait()).await.expect("it ends").expect("it ran");
    assert_eq!((status.code(), &*err), (Some(0), ""), "{what}");
}
