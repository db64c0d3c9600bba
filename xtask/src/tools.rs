//! The tools that the checks need, installed at pinned versions unless they are there.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{cargo, output, program, run};

/// Cargo subcommands: crate, pinned version.
const CARGO_TOOLS: &[(&str, &str)] =
    &[("cargo-nextest", "0.9.143"), ("cargo-deny", "0.20.2"), ("cargo-fuzz", "0.13.2")];

/// Installs what is missing; what is there, in whatever version, is left alone.
pub(crate) fn install() -> anyhow::Result<()> {
    let targets = output(program("rustup", ["target", "list", "--installed"]))?;
    if !targets.contains("wasm32-unknown-unknown") {
        run(&mut program("rustup", ["target", "add", "wasm32-unknown-unknown"]))?;
    }
    // cargo-fuzz needs the sanitizers, which only nightly offers.
    if !output(program("rustup", ["toolchain", "list"]))?.contains("nightly") {
        run(&mut program("rustup", ["toolchain", "install", "nightly", "--profile", "minimal"]))?;
    }
    for (name, version) in CARGO_TOOLS {
        if is_installed(name) {
            continue;
        }
        eprintln!("installing {name} {version}");
        run(&mut cargo(["install", name, "--version", version, "--locked"]))?;
    }
    crate::workers::install()?;
    // The clients that other people wrote, which the tests let trade.
    run(&mut program("node", ["connectors/venue/strangers/install.mjs"]))?;
    // A local chain, and the contracts that other people wrote, which the wallet trades on.
    run(&mut program("node", ["wallet/chain/install.mjs"]))?;
    // The tests would build this one silently, and it takes minutes: into where they look for it.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let mut build = cargo(["build", "--locked", "--bins", "--manifest-path"]);
    build.arg("connectors/venue/strangers/binance-sdk/Cargo.toml");
    // As the tests build it, so that they find it built.
    for name in std::env::vars().map(|(name, _)| name) {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            build.env_remove(name);
        }
    }
    run(build.arg("--target-dir").arg(target.join("strangers")))
}

fn is_installed(name: &str) -> bool {
    let mut command = Command::new(name);
    if let Some(subcommand) = name.strip_prefix("cargo-") {
        command.arg(subcommand);
    }
    crate::shell::succeeds({
        command.arg("--version");
        command
    })
}
