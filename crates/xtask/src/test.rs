//! Runs every tier of tests, and says which could not be run and why.

use anyhow::{Result, ensure};

use crate::{
    control_plane, demo, kernel_tier, packages,
    workspace::{cargo, is_ci, succeed},
};

/// Sets up, then tests. In CI a tier that cannot run is a failure.
pub fn run() -> Result<()> {
    packages::provide()?;
    let hindrance = control_plane::hindrance();
    if let Some(reason) = hindrance {
        ensure!(!is_ci(), "the control plane tier cannot run, and CI skips nothing: {reason}");
    }
    let kernel_hindrance = packages::kernel_hindrance();
    if let Some(reason) = kernel_hindrance {
        ensure!(!is_ci(), "the kernel tier cannot run, and CI skips nothing: {reason}");
    }
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--quiet"]);
    if hindrance.is_none() {
        tests.env("DANM_CONTROL_PLANE", control_plane::provide()?);
    }
    succeed(&mut tests)?;
    if kernel_hindrance.is_none() {
        kernel_tier::test_in_user_namespace()?;
    }
    let not_shown = demo::test()?;
    println!("pure tier: passed");
    println!("sandbox tier: passed, against the API server in memory");
    match kernel_hindrance {
        None => {
            println!("kernel tier: passed, in network namespaces of its own, and again in a user namespace")
        }
        Some(reason) => println!("kernel tier: SKIPPED, because {reason}"),
    }
    match hindrance {
        None => println!("control plane tier: passed, against the real etcd and kube-apiserver"),
        Some(reason) => println!("control plane tier: SKIPPED, because {reason}"),
    }
    match not_shown {
        None => println!("demo: passed, and what it shows of danm-policer again as an ordinary user"),
        Some(reason) => println!("demo: passed. {reason}"),
    }
    Ok(())
}
