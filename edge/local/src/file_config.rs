//! Configuration in a file, JSON or TOML, that may be edited while the server runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hoox_router::{ConfigSnapshot, ConfigStore, ConfigUnavailable};
use serde_json::value::RawValue;

use crate::store::{SWITCH, SqliteStore};

/// The largest file that is read.
const FILE_MAX: u64 = 1024 * 1024;

/// A file of keys and values: `{"trade:kill_switch": true}`, or in TOML `"trade:kill_switch" = true`.
///
/// Read whenever it is asked, which the router does once a second at most: a change is in force
/// within a second. A file that cannot be read, or is half-written, is configuration that cannot be
/// read: nothing trades until it is whole again.
#[derive(Debug, Clone)]
pub(crate) struct FileConfig {
    path: PathBuf,
}

impl FileConfig {
    /// Configuration in `path`, which must be readable now.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let config = Self { path: path.to_owned() };
        config.read().with_context(|| format!("cannot read {}", path.display()))?;
        Ok(config)
    }

    fn read(&self) -> anyhow::Result<HashMap<String, String>> {
        read(&self.path)
    }
}

impl ConfigStore for FileConfig {
    async fn load(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        // The cause may repeat a part of the file, which holds the passkey.
        let unavailable = |_| ConfigUnavailable("the configuration file cannot be read".into());
        let mut values = self.read().map_err(unavailable)?;
        Ok(keys.iter().map(|key| values.remove(*key)).collect())
    }
}

/// The values of a file, as text; JSON-encoded texts are as good as raw ones.
pub(crate) fn read(path: &Path) -> anyhow::Result<HashMap<String, String>> {
    let length = std::fs::metadata(path)?.len();
    anyhow::ensure!(length <= FILE_MAX, "it is larger than 1 MiB");
    let text = std::fs::read_to_string(path)?;
    match path.extension().is_some_and(|extension| extension == "toml") {
        true => toml_values(&text),
        false => json_values(&text),
    }
}

/// Values as they are written: JSON-encoded texts are as good as raw ones.
fn json_values(text: &str) -> anyhow::Result<HashMap<String, String>> {
    let values: HashMap<String, Box<RawValue>> =
        serde_json::from_str(text).context("it is no JSON object")?;
    Ok(values.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect())
}

fn toml_values(text: &str) -> anyhow::Result<HashMap<String, String>> {
    let table: toml::Table = text.parse().context("it is no TOML")?;
    let values = table.into_iter().map(|(key, value)| {
        let text = match value {
            toml::Value::String(text) => text,
            // Lists and maps are JSON in every other store.
            value @ (toml::Value::Array(_) | toml::Value::Table(_)) => {
                serde_json::to_string(&value).unwrap_or_default()
            }
            value => value.to_string(),
        };
        (key, text)
    });
    Ok(values.collect())
}

/// Where a server's configuration is kept.
#[derive(Debug, Clone)]
pub(crate) enum LocalConfig {
    /// In the database.
    Store(SqliteStore),
    /// In a file; the kill switch also in the database, where the day's loss and `hoox kill-switch`
    /// turn it. Either halts.
    File(FileConfig, SqliteStore),
}

impl ConfigStore for LocalConfig {
    async fn load(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        match self {
            Self::Store(store) => store.load(keys).await,
            Self::File(file, store) => {
                let mut values = file.load(keys).await?;
                let Some(at) = keys.iter().position(|key| *key == SWITCH) else {
                    return Ok(values);
                };
                let own = store.load(&[SWITCH]).await?.into_iter().next().flatten();
                let halts = ConfigSnapshot::parse(|key| own.as_deref().filter(|_| key == SWITCH));
                if let Some(value) = values.get_mut(at).filter(|_| halts.kill_switch) {
                    *value = own;
                }
                Ok(values)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = [
        "trade:kill_switch",
        "trade:max_position_size",
        "routing:failover:order",
        "trade:routing",
        "webhooks:api_key",
    ];

    async fn snapshot(config: &FileConfig) -> Option<ConfigSnapshot> {
        let values = config.load(&KEYS).await.ok()?;
        Some(ConfigSnapshot::parse(|key| {
            let at = KEYS.iter().position(|known| *known == key)?;
            values.get(at)?.as_deref()
        }))
    }

    #[tokio::test]
    async fn json_and_toml_say_the_same_and_a_change_is_seen_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let json = r#"{"trade:kill_switch": false, "trade:max_position_size": 0.125,
            "routing:failover:order": ["mexc", "bybit"], "trade:routing": {"SOLUSDT": "binance"},
            "webhooks:api_key": "hush"}"#;
        let toml = r#"
            "trade:kill_switch" = false
            "trade:max_position_size" = 0.125
            "routing:failover:order" = ["mexc", "bybit"]
            "trade:routing" = { SOLUSDT = "binance" }
            "webhooks:api_key" = "hush"
        "#;
        let mut both = Vec::new();
        for (name, text) in [("config.json", json), ("config.toml", toml)] {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            let config = FileConfig::open(&path).unwrap();
            let read = snapshot(&config).await.unwrap();
            assert!(read.warnings.is_empty() && !read.kill_switch, "{:?}", read.warnings);
            assert!(read.passkey.as_ref().unwrap().verify("hush").is_some());
            std::fs::write(&path, text.replacen("false", "true", 1)).unwrap();
            assert!(snapshot(&config).await.unwrap().kill_switch);
            // Half-written.
            std::fs::write(&path, &text[..text.len() / 2]).unwrap();
            let error = config.load(&KEYS).await.unwrap_err().to_string();
            assert!(!error.contains("mexc"), "{error}");
            std::fs::remove_file(&path).unwrap();
            assert!(config.load(&KEYS).await.is_err());
            assert!(FileConfig::open(&path).is_err());
            both.push(read);
        }
        assert_eq!(both[0], both[1]);
    }
}
