use hoox_router::{ConfigStore, ConfigUnavailable};
use hoox_signer::Secret;
use worker::Env;

/// The namespace of configuration (data.md §3).
const NAMESPACE: &str = "CONFIG_KV";

/// How many keys one bulk read takes.
const KEYS_MAX: usize = 100;

/// Configuration in the namespace `CONFIG_KV`: all keys of a snapshot in one read.
///
/// A namespace that is not bound is one that cannot be read.
#[derive(Debug, Clone)]
pub struct KvConfig(Env);

impl KvConfig {
    /// The configuration of a worker.
    pub fn new(env: Env) -> Self {
        Self(env)
    }
}

impl ConfigStore for KvConfig {
    async fn load(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        let unavailable = |_| ConfigUnavailable("CONFIG_KV cannot be read".into());
        let namespace = self.0.kv(NAMESPACE).map_err(unavailable)?;
        let rounds = keys.chunks(KEYS_MAX).map(|keys| namespace.get_bulk(keys).text());
        let rounds = futures_util::future::try_join_all(rounds).await;
        let mut rounds = rounds.map_err(|error| unavailable(error.into()))?;
        let find = |key: &&str| rounds.iter_mut().find_map(|found| found.remove(*key).flatten());
        Ok(keys.iter().map(find).collect())
    }
}

/// A secret or variable of a worker, if it is there.
pub fn secret(env: &Env, name: &str) -> Option<Secret> {
    env.secret(name).ok().map(|value| Secret::from(value.to_string()))
}

/// Those of `names` that are there, in their order.
pub fn secrets(env: &Env, names: &[&str]) -> Vec<Secret> {
    names.iter().filter_map(|name| secret(env, name)).collect()
}
