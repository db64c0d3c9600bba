//! A file of configuration, and what applying it would change.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};
use hoox_router::ConfigKey;
use serde::Serialize;

use super::config::{Values, known_key, shown_value};

/// A value that a manifest changes.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) key: String,
    /// As it is; hidden if it is a secret.
    pub(super) old: Option<String>,
    /// As it will be; hidden if it is a secret.
    pub(super) new: String,
    #[serde(skip)]
    pub(super) value: String,
}

/// Reads a manifest and compares it with what is set.
///
/// Every wrong line of it is told, not only the first; then nothing is changed.
pub(super) fn compare(file: &Path, values: &Values) -> anyhow::Result<(Vec<Change>, usize)> {
    let read = crate::file_config::read(file);
    let read = read.with_context(|| format!("cannot read {}", file.display()))?;
    let (mut wrong, mut targets) = (Vec::new(), BTreeSet::new());
    let (mut changes, mut same) = (Vec::new(), 0);
    for (name, value) in read {
        let key = match known_key(&name) {
            Ok(key) => key,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let value = match key.check(&name, &value) {
            Ok(value) => value,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        let target = target(key, &name);
        if !targets.insert(target.clone()) {
            wrong.push(format!("{target} is set twice, once under its other name"));
            continue;
        }
        match values.get(&target) {
            Some(old) if old == value => same += 1,
            old => changes.push(Change {
                old: old.map(|old| shown_value(key, old, false)),
                new: shown_value(key, &value, false),
                key: target,
                value,
            }),
        }
    }
    if !wrong.is_empty() {
        wrong.sort_unstable();
        bail!("{} changes nothing: {}", file.display(), wrong.join("; "));
    }
    changes.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok((changes, same))
}

/// The name under which a key is kept: not its alias.
pub(crate) fn target(key: &ConfigKey, name: &str) -> String {
    let own = key.alias == Some(name);
    if own { key.name.to_owned() } else { name.to_owned() }
}
