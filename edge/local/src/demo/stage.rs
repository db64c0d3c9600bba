//! The simulated venue and the server, started for the demo in one process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use hoox_connector::{Clock, Credentials, Decimal, SystemClock, Venue};
use hoox_signer::Secret;
use hoox_venue::{Config, Limits, Running, Server};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::recorder::Recorder;
use crate::server::{Listening, Shared};
use crate::service::{AccountSetup, Service, Setup};

/// What the demo plays on.
pub(super) struct Stage {
    pub(super) venue: Running,
    pub(super) service: Arc<Service>,
    pub(super) transport: Recorder,
    pub(super) passkey: Secret,
    pub(super) webhook: String,
    pub(super) client: reqwest::Client,
    listening: Listening,
    data_dir: TempDir,
}

impl Stage {
    /// Starts everything on free ports, with a data directory that is removed at the end.
    pub(super) async fn set() -> anyhow::Result<Self> {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // Order limits as of a large account: the burst is faster than a new one may trade.
        let config = Config { limits: Limits::unlimited(), ..Config::default() };
        let venue = Server::start(any_port, config).await.context("cannot start the venue")?;
        let binance = venue.binance();
        let transport = Recorder::remembering();
        let passkey = Secret::from(uuid::Uuid::new_v4().to_string());
        let data_dir = tempfile::Builder::new().prefix("hoox-demo-").tempdir()?;
        let setup = Setup {
            data_dir: data_dir.path().to_owned(),
            passkeys: vec![passkey.clone()],
            config: vec![("exchanges:default_routing".into(), "binance".into())],
            config_file: None,
            chains: Vec::new(),
            accounts: vec![AccountSetup {
                venue: Venue::Binance,
                test: false,
                credentials: Credentials::hmac(&binance.api_key, &binance.api_secret),
                base_url: Some(binance.rest),
                entry_url: None,
            }],
            transport: transport.clone(),
            relaxed: false,
        };
        let service = Arc::new(Service::open(setup).await?);
        let listener = TcpListener::bind(any_port).await?;
        let shared = Shared {
            service: Arc::clone(&service),
            address_header: None,
            server_timing: true,
            internal_key: None,
        };
        let listening = Listening::start(listener, shared)?;
        let webhook = format!("http://{}/webhook", listening.address());
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        Ok(Self { venue, service, transport, passkey, webhook, client, listening, data_dir })
    }

    /// Sends one signal, its fields given as JSON without the passkey.
    pub(super) async fn send(&self, fields: &str) -> anyhow::Result<Answered> {
        let passkey = self.passkey.expose();
        self.post(format!(r#"{{"apiKey":"{passkey}",{fields}}}"#)).await
    }

    /// Sends any body.
    pub(super) async fn post(&self, body: String) -> anyhow::Result<Answered> {
        let request = self.client.post(&self.webhook).header("content-type", "application/json");
        let response = request.body(body).send().await?;
        let status = response.status().as_u16();
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (retry_after, server_timing) = (header("retry-after"), header("server-timing"));
        let body = serde_json::from_slice(&response.bytes().await?)?;
        Ok(Answered { status, retry_after, server_timing, body })
    }

    /// Changes a setting, and waits until it is in force everywhere.
    pub(super) async fn configure(&self, key: &str, value: &str) -> anyhow::Result<()> {
        self.service.store.set_config(key, value).await?;
        tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
        Ok(())
    }

    /// Every order the venue has, as client order id and quantity filled.
    pub(super) fn venue_orders(&self) -> Vec<(String, Decimal)> {
        let now = SystemClock.now().as_millis();
        let state = self.venue.with(|exchange| exchange.state(now, usize::MAX));
        let orders = state.accounts.into_iter().flat_map(|account| account.orders);
        orders.map(|order| (order.client_id, order.executed.normalize())).collect()
    }

    /// Stops everything and removes the data.
    pub(super) async fn strike(self) -> anyhow::Result<()> {
        self.listening.stop().await?;
        self.venue.shutdown().await;
        drop(self.service);
        self.data_dir.close()?;
        Ok(())
    }
}

/// An answer to a webhook.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) server_timing: Option<String>,
    pub(super) body: serde_json::Value,
}

impl Answered {
    /// The error's code; empty for a success.
    pub(super) fn code(&self) -> &str {
        self.body.pointer("/error/code").and_then(|code| code.as_str()).unwrap_or("")
    }

    /// The error's reasons: the details, or else the message.
    pub(super) fn reason(&self) -> String {
        let details = self.body.pointer("/error/details").and_then(|it| it.as_array());
        let text = |value: &serde_json::Value, key| value.get(key)?.as_str().map(str::to_owned);
        let violations: Vec<_> = details
            .into_iter()
            .flatten()
            .filter_map(|it| Some(format!("{}: {}", text(it, "field")?, text(it, "issue")?)))
            .collect();
        if violations.is_empty() {
            let message = self.body.pointer("/error/message").and_then(|it| it.as_str());
            message.unwrap_or("").to_owned()
        } else {
            violations.join("\n")
        }
    }

    /// A field of the result, as JSON text without quotes.
    pub(super) fn result(&self, field: &str) -> String {
        match self.body.pointer("/result").and_then(|result| result.get(field)) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }
}
