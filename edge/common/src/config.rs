use core::cell::RefCell;
use core::time::Duration;

use hoox_connector::Clock;
use hoox_router::{ConfigSnapshot, ConfigStore, ConfigUnavailable};
use hoox_signer::Secret;
use worker::Env;

use crate::WorkerClock;

/// The namespace of configuration (data.md §3).
const NAMESPACE: &str = "CONFIG_KV";

/// How many keys one bulk read takes.
const KEYS_MAX: usize = 100;

/// How long the objects of an isolate use what one of them has read.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// Configuration in the namespace `CONFIG_KV`: all keys of a snapshot in one read.
///
/// A namespace that is not bound is one that cannot be read.
#[derive(Debug, Clone)]
pub struct KvConfig {
    env: Env,
    shared: bool,
}

/// The values of a snapshot, and when they were asked for.
type Values = (Duration, Vec<Option<String>>);

thread_local! {
    static SHARED: RefCell<Option<Values>> = const { RefCell::new(None) };
}

impl KvConfig {
    /// The configuration of a worker.
    pub fn new(env: Env) -> Self {
        Self { env, shared: false }
    }

    /// The same for many objects of one isolate, which share the values of a snapshot for at most a
    /// second: nobody must keep a snapshot of them for longer than the moment.
    pub fn shared(env: Env) -> Self {
        Self { env, shared: true }
    }

    async fn read(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        let unavailable = |_| ConfigUnavailable("CONFIG_KV cannot be read".into());
        let namespace = self.env.kv(NAMESPACE).map_err(unavailable)?;
        let rounds = keys.chunks(KEYS_MAX).map(|keys| namespace.get_bulk(keys).text());
        let rounds = futures_util::future::try_join_all(rounds).await;
        let mut rounds = rounds.map_err(|error| unavailable(error.into()))?;
        let find = |key: &&str| rounds.iter_mut().find_map(|found| found.remove(*key).flatten());
        Ok(keys.iter().map(find).collect())
    }
}

impl ConfigStore for KvConfig {
    async fn load(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        if !self.shared || keys != ConfigSnapshot::KEYS {
            return self.read(keys).await;
        }
        let now = WorkerClock.monotonic();
        let fresh = |(read, _): &&Values| now.saturating_sub(*read) < SHARED_FOR;
        let kept = SHARED.with_borrow(|kept| kept.as_ref().filter(fresh).map(|it| it.1.clone()));
        if let Some(values) = kept {
            return Ok(values);
        }
        let values = self.read(keys).await?;
        SHARED.set(Some((now, values.clone())));
        Ok(values)
    }
}

/// The configuration as it is now, for what is not on an order's way; `None` if it cannot be read.
pub async fn snapshot(env: &Env) -> Option<ConfigSnapshot> {
    let values = KvConfig::new(env.clone()).load(ConfigSnapshot::KEYS).await.ok()?;
    Some(ConfigSnapshot::parse(|key| {
        let at = ConfigSnapshot::KEYS.iter().position(|known| *known == key)?;
        values.get(at)?.as_deref()
    }))
}

/// A secret or variable of a worker, if it is there.
pub fn secret(env: &Env, name: &str) -> Option<Secret> {
    env.secret(name).ok().map(|value| Secret::from(value.to_string()))
}

/// Those of `names` that are there, in their order.
pub fn secrets(env: &Env, names: &[&str]) -> Vec<Secret> {
    names.iter().filter_map(|name| secret(env, name)).collect()
}
