//! Configuration in a file, JSON or TOML, that may be edited while the server runs.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use hoox_router::{ConfigSnapshot, ConfigStore, ConfigUnavailable};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::command::config::known_key;
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
    /// The names in it that are no keys, which were warned of.
    unknown: Arc<Mutex<BTreeSet<String>>>,
}

impl FileConfig {
    /// Configuration in `path`, which must be readable now.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let config = Self { path: path.to_owned(), unknown: Arc::default() };
        config.read().with_context(|| format!("cannot read {}", path.display()))?;
        Ok(config)
    }

    fn read(&self) -> anyhow::Result<HashMap<String, String>> {
        let values = read(&self.path)?;
        let mut unknown = BTreeSet::new();
        for name in values.keys() {
            if let Err(error) = known_key(name) {
                unknown.insert(error.to_string());
            }
        }
        let mut before = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        for problem in unknown.difference(&before) {
            tracing::warn!(file = %self.path.display(), "{problem}");
        }
        *before = unknown;
        Ok(values)
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
    let values: JsonValues = serde_json::from_str(text)
        .context("it is no JSON object of keys and values, each key once")?;
    Ok(values.0)
}

/// A JSON object; of a key that is there twice nobody knows which one is meant.
struct JsonValues(HashMap<String, String>);

impl<'de> Deserialize<'de> for JsonValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = JsonValues;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<JsonValues, M::Error> {
                let mut values = HashMap::new();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if values.insert(key, value.get().to_owned()).is_some() {
                        return Err(M::Error::custom("a key is there twice"));
                    }
                }
                Ok(JsonValues(values))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
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

    #[tokio::test]
    async fn a_key_that_is_there_twice_is_a_file_that_cannot_be_read() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("config.json", r#"{"trade:kill_switch": true, "trade:kill_switch": false}"#),
            ("config.toml", "\"trade:kill_switch\" = true\n\"trade:kill_switch\" = false"),
        ] {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert!(FileConfig::open(&path).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_no_key_is_remembered_for_as_long_as_it_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        std::fs::write(&path, r#"{"trade:killswitch": true}"#).unwrap();
        let config = FileConfig::open(&path).unwrap();
        let told = || config.unknown.lock().unwrap().iter().cloned().collect::<Vec<_>>();
        assert_eq!(told().len(), 1);
        assert!(told()[0].contains("did you mean trade:kill_switch?"), "{:?}", told());
        std::fs::write(&path, r#"{"trade:kill_switch": true}"#).unwrap();
        config.read().unwrap();
        assert!(told().is_empty());
    }

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
