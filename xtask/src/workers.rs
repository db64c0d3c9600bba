//! The workers: their tools, and their tests on workerd.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{cargo, program, root, run};

/// Tools that must fit what they build: crate, program, pinned version. wasm-bindgen's is that of
/// Cargo.lock, to which worker-build holds it.
const TOOLS: &[(&str, &str, &str)] =
    &[("worker-build", "worker-build", "0.8.7"), ("wasm-bindgen-cli", "wasm-bindgen", "0.2.130")];

/// Installs what builds the workers, each at its version, into the target directory; what is there
/// is left alone.
pub(crate) fn install() -> anyhow::Result<()> {
    let tools = target().join("tools");
    for (name, binary, version) in TOOLS {
        let mut told = Command::new(tools.join("bin").join(binary));
        if crate::shell::output({
            told.arg("--version");
            told
        })
        .is_ok_and(|told| told.trim().ends_with(version))
        {
            continue;
        }
        eprintln!("installing {name} {version}");
        let mut install = cargo(["install", name, "--version", version, "--force", "--root"]);
        run(install.arg(&tools))?;
    }
    run(npm().arg("ci"))
}

/// Builds the workers, and runs their tests on workerd, killing it `crash_rounds` times.
pub(crate) fn test(crash_rounds: Option<u32>) -> anyhow::Result<()> {
    run(&mut cargo(["build", "--locked", "--bin", "hoox"]))?;
    run(&mut program("node", ["edge/build.mjs"]))?;
    let mut tests = npm();
    if let Some(rounds) = crash_rounds {
        tests.env("CRASH_ROUNDS", rounds.to_string());
    }
    run(tests.arg("test"))
}

fn npm() -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(root().join("edge"));
    npm
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
