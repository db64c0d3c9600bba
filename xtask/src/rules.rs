//! Who may know whom: the dependency rules of the design, proven by `cargo tree`.

use anyhow::bail;

use crate::shell::{cargo, output};

/// Crates that must stay free of I/O: with their default features none of these may appear.
const PURE: &[&str] = &[
    "hoox-signer",
    "hoox-connector",
    "hoox-binance",
    "hoox-bybit",
    "hoox-mexc",
    "hoox-router",
    "hoox-wallet",
    "hoox-evm",
];
const IO: &[&str] = &["tokio", "reqwest", "hyper", "axum", "rusqlite", "worker", "rustls", "mio"];

/// A crate, and what it must not depend on.
const STRANGERS: &[(&str, &[&str])] = &[
    ("hoox-signer", &["hoox-connector", "rust_decimal", "serde_json"]),
    ("hoox-connector", &["hoox-binance", "hoox-bybit", "hoox-mexc", "hoox-router", "hoox-venue"]),
    ("hoox-binance", &["hoox-bybit", "hoox-mexc", "hoox-router", "hoox-venue"]),
    ("hoox-bybit", &["hoox-binance", "hoox-mexc", "hoox-router", "hoox-venue"]),
    ("hoox-mexc", &["hoox-binance", "hoox-bybit", "hoox-router", "hoox-venue"]),
    ("hoox-venue", &["hoox-signer", "hoox-connector", "hoox-binance", "hoox-bybit", "hoox-mexc"]),
    ("hoox-router", &["hoox-venue", "hoox-wallet", "hoox-evm"]),
    // Of the connectors only the neutral core: the transport and the clock.
    ("hoox-wallet", &["hoox-binance", "hoox-bybit", "hoox-mexc", "hoox-router", "hoox-venue"]),
    // Joins the wallet and the neutral core.
    ("hoox-evm", &["hoox-binance", "hoox-bybit", "hoox-mexc", "hoox-router", "hoox-venue"]),
];

/// Fails with the first rule that is broken.
pub(crate) fn check() -> anyhow::Result<()> {
    for name in PURE {
        forbid(name, IO)?;
    }
    for (name, strangers) in STRANGERS {
        forbid(name, strangers)?;
    }
    Ok(())
}

fn forbid(name: &str, strangers: &[&str]) -> anyhow::Result<()> {
    let tree = output(cargo(["tree", "-p", name, "-e", "normal", "--prefix", "none", "--locked"]))?;
    for line in tree.lines().skip(1) {
        let dependency = line.split(' ').next().unwrap_or("");
        if strangers.contains(&dependency) {
            bail!("{name} must not depend on {dependency}");
        }
    }
    Ok(())
}
