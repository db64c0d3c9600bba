//! Whether a server runs on a data directory, and where it listens.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::store::LOCK;

/// What a server writes down about itself, beside its database.
const FILE: &str = "serve.json";

/// A server that runs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Running {
    /// Where it listens; absent while it starts.
    pub(super) url: Option<String>,
    /// The file its configuration comes from, instead of the database.
    pub(super) config_file: Option<PathBuf>,
}

/// Writes down where the server of a data directory listens, for the commands.
pub(crate) fn announce(
    directory: &Path,
    url: &str,
    config_file: Option<&Path>,
) -> anyhow::Result<()> {
    let config_file = config_file.map(std::path::absolute).transpose()?;
    let running = Running { url: Some(url.to_owned()), config_file };
    let path = directory.join(FILE);
    std::fs::write(&path, serde_json::to_vec(&running)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The file that the running server of a data directory reads its configuration from, if it does.
pub(super) fn config_file(directory: &Path) -> Option<PathBuf> {
    find(directory)?.config_file
}

/// The server of a data directory, if one runs: what the last one wrote counts only while the
/// directory is locked.
pub(super) fn find(directory: &Path) -> Option<Running> {
    let lock = File::open(directory.join(LOCK)).ok()?;
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let text = std::fs::read(directory.join(FILE)).unwrap_or_default();
            Some(serde_json::from_slice(&text).unwrap_or_default())
        }
        _ => None,
    }
}
