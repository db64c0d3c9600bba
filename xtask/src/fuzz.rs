//! Running the fuzz targets, two at a time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, bail};

use crate::shell::{output, program, root, run};

/// How many targets run at the same time.
const JOBS: usize = 2;

/// How much of a crash is shown, in lines; the rest is in its log.
const TAIL: usize = 60;

/// Builds all targets, then runs each for `seconds`, starting from its seeds and from what earlier
/// runs found. Every target runs, whatever becomes of the others.
pub(crate) fn run_targets(seconds: u64) -> anyhow::Result<()> {
    // Where the binaries are looked for below.
    let mut build = program("cargo", ["+nightly", "fuzz", "build", "-O"]);
    run(build.env_remove("CARGO_TARGET_DIR"))?;
    let list = output(program("cargo", ["+nightly", "fuzz", "list"]))?;
    let release = release_dir()?;
    let queue = Mutex::new(list.lines().filter(|line| !line.is_empty()));
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                while let Some(target) = next() {
                    if let Err(error) = run_target(&release, target, seconds) {
                        eprintln!("{target}: {error:#}");
                        failed.lock().map(|mut failed| failed.push(target)).ok();
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        Ok(failed) if failed.is_empty() => Ok(()),
        Ok(failed) => bail!("failed: {}", failed.join(", ")),
        Err(_) => bail!("a run was cut short"),
    }
}

/// Where `cargo fuzz` puts its binaries: it always builds for a named target.
fn release_dir() -> anyhow::Result<PathBuf> {
    let about = output(program("rustc", ["+nightly", "-vV"]))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(root().join("fuzz/target").join(host.context("rustc names no host")?).join("release"))
}

fn run_target(release: &Path, target: &str, seconds: u64) -> anyhow::Result<()> {
    let fuzz = root().join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    let seeds = fuzz.join("seeds").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    for directory in [&corpus, &artifacts] {
        std::fs::create_dir_all(directory).context("cannot create a directory")?;
    }
    let log = artifacts.join("log");
    let mut command = Command::new(release.join(target));
    command.arg(&corpus);
    if seeds.is_dir() {
        command.arg(&seeds);
    }
    let status = command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-max_len=65536", "-timeout=10", "-rss_limit_mb=2048"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).context("cannot create the log")?)
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    let text = std::fs::read(&log).context("cannot read the log")?;
    let text = String::from_utf8_lossy(&text);
    if !status.success() {
        let lines: Vec<&str> = text.lines().collect();
        let shown = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
        bail!("ended with {status}; {} holds:\n{}", log.display(), shown.join("\n"));
    }
    let done = text.lines().rev().find(|line| line.starts_with("Done ")).unwrap_or("done");
    eprintln!("    {target}: {done}");
    Ok(())
}
