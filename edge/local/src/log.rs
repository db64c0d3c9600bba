//! Where the log goes: standard error, so that standard output stays for answers.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts the log; `HOOX_LOG` chooses what is in it (default `info`).
pub(crate) fn start(json: bool) {
    let filter = EnvFilter::try_from_env("HOOX_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A file or a service manager wants no colours; nor does whoever says so.
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = log.with_ansi(coloured);
    // A second start, in tests, changes nothing.
    let _ = if json { log.json().try_init() } else { log.with_target(false).try_init() };
}
