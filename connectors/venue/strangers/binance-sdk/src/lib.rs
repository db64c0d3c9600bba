//! How Binance's own Rust client is pointed at the simulated exchange.

use std::collections::HashMap;

use anyhow::Context;
use binance_sdk::config::{ConfigurationRestApi, ConfigurationWebsocketApi};
use serde::Deserialize;
use serde_json::Value;

/// Binance's entry in the line that `hoox venue --json` writes first.
#[derive(Deserialize)]
pub struct Venue {
    rest: String,
    ws: String,
    api_key: String,
    api_secret: String,
}

impl Venue {
    /// The venue that the environment variable `HOOX_VENUE` names.
    pub fn from_env() -> anyhow::Result<Self> {
        let line = std::env::var("HOOX_VENUE")
            .context("set HOOX_VENUE to the line that `hoox venue --json` writes first")?;
        let mut venues: HashMap<String, Value> =
            serde_json::from_str(&line).context("HOOX_VENUE is no JSON object")?;
        let binance = venues.remove("binance").context("HOOX_VENUE has no `binance`")?;
        serde_json::from_value(binance).context("HOOX_VENUE lacks what `binance` needs")
    }

    /// For REST. The client drops the path of the base URL; the exchange knows its paths without.
    pub fn rest(&self) -> anyhow::Result<ConfigurationRestApi> {
        Ok(ConfigurationRestApi::builder()
            .api_key(self.api_key.clone())
            .api_secret(self.api_secret.clone())
            .base_path(self.rest.clone())
            .build()?)
    }

    /// For the WebSocket API at a path such as `/ws-api/v3`.
    pub fn websocket(&self, path: &str) -> anyhow::Result<ConfigurationWebsocketApi> {
        Ok(ConfigurationWebsocketApi::builder()
            .api_key(self.api_key.clone())
            .api_secret(self.api_secret.clone())
            .ws_url(format!("{}{path}", self.ws))
            .build()?)
    }
}
