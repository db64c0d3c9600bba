//! Running the fuzz targets.

use anyhow::Context;

use crate::shell::{output, program, root, run};

/// Runs each target for `seconds`, starting from its seed corpus.
pub(crate) fn run_targets(seconds: u64) -> anyhow::Result<()> {
    let list = output(program("cargo", ["+nightly", "fuzz", "list"]))?;
    for target in list.lines().filter(|line| !line.is_empty()) {
        let corpus = root().join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).context("cannot create the corpus")?;
        let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        let limit = format!("-max_total_time={seconds}");
        let mut command = program("cargo", ["+nightly", "fuzz", "run", "-O", target, &corpus]);
        if root().join(&seeds).is_dir() {
            command.arg(&seeds);
        }
        run(command.args(["--", &limit, "-max_len=65536", "-timeout=10"]))?;
    }
    Ok(())
}
