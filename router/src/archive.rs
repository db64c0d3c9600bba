//! What went over the wire for an order, kept outside the ledger (trade.md §10, data.md §4): the
//! requests as they were sent and the answers as they came, secrets taken out.

mod exchanged;
mod seen;

use hoox_connector::{Symbol, Venue};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{Record, RefusedSignal, RequestId, utc_date};

pub use exchanged::Exchanged;
pub use seen::{is_watched, saw, send_watched, watched};

/// The most exchanges one object holds, and the most bytes.
const EXCHANGES_MAX: usize = 64;
const OBJECT_MAX: usize = 4 * 1024 * 1024;

/// Where the objects are kept: files, R2.
pub trait Archive {
    /// The object of a key; `None` if there is none.
    ///
    /// # Errors
    /// [`ArchiveUnavailable`].
    fn read(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, ArchiveUnavailable>>;

    /// Writes the object of a key, over the one there is.
    ///
    /// # Errors
    /// [`ArchiveUnavailable`].
    fn write(
        &self,
        key: &str,
        object: &[u8],
    ) -> impl Future<Output = Result<(), ArchiveUnavailable>>;

    /// Writes the object of a key that has none; false, and nothing is written, if it has. Nearly every
    /// object is new, so a store that can do it in one step does.
    ///
    /// # Errors
    /// [`ArchiveUnavailable`].
    fn create(
        &self,
        key: &str,
        object: &[u8],
    ) -> impl Future<Output = Result<bool, ArchiveUnavailable>> {
        async move {
            if self.read(key).await?.is_some() {
                return Ok(false);
            }
            self.write(key, object).await.map(|()| true)
        }
    }
}

/// The archive cannot be reached, or could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("archive unavailable: {0}")]
pub struct ArchiveUnavailable(pub String);

/// What went over the wire for one order, and where it belongs.
#[derive(Debug, Clone)]
pub struct Dossier {
    request_id: RequestId,
    venue: Venue,
    test: bool,
    symbol: Symbol,
    day: String,
    order_id: Option<String>,
    client_order_id: Option<String>,
    record: Option<Value>,
    exchanges: Vec<Exchanged>,
}

impl Dossier {
    /// What was sent for the order of a record, of what is [`watched`], which then remembers it no
    /// more; `None` if nothing was. What names no order at all belongs to the first that asks.
    pub fn of(record: &Record) -> Option<Self> {
        let own = record.intent.client_order_id.as_str();
        let account = (record.intent.venue, record.signal.test);
        let exchanges = seen::take(account, |exchanged| !exchanged.is_of_another(own));
        (!exchanges.is_empty()).then(|| Self { exchanges, ..Self::bare(record) })
    }

    /// That of an order of which nothing is remembered.
    pub fn bare(record: &Record) -> Self {
        Self {
            request_id: record.request_id,
            venue: record.intent.venue,
            test: record.signal.test,
            symbol: record.intent.symbol,
            day: utc_date(record.received_at),
            order_id: record.order_id.map(|id| id.to_string()),
            client_order_id: Some(record.intent.client_order_id.to_string()),
            record: None,
            exchanges: Vec::new(),
        }
    }

    /// What was sent for a signal that came to no order, to each exchange; no longer remembered then.
    pub fn of_refusal(refusal: &RefusedSignal) -> Vec<Self> {
        let Some(signal) = &refusal.signal else { return Vec::new() };
        let of_venue = |venue| {
            let exchanges = seen::take((venue, signal.test), |_| true);
            (!exchanges.is_empty()).then(|| Self {
                request_id: refusal.request_id,
                venue,
                test: signal.test,
                symbol: signal.symbol,
                day: utc_date(refusal.at),
                order_id: None,
                client_order_id: None,
                record: None,
                exchanges,
            })
        };
        Venue::ALL.into_iter().filter_map(of_venue).collect()
    }

    /// With the order's record, as JSON, which is kept beside what was sent.
    #[must_use]
    pub fn with_record(mut self, json: &str) -> Self {
        self.record = serde_json::from_str(json).ok();
        self
    }

    /// The key of its object: `logs/{exchange}/{SYMBOL}/{YYYY-MM-DD}/order-{orderId}.json`, or
    /// `req-{requestId}.json` without an order id; test venues are `{exchange}-testnet`.
    pub fn key(&self) -> String {
        let Self { request_id, venue, test, symbol, day, order_id, .. } = self;
        let testnet = if *test { "-testnet" } else { "" };
        // An exchange's id is a path here, whatever the exchange calls an id.
        let safe = |id: &String| {
            let allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
            id.chars().take(64).map(|it| if allowed(it) { it } else { '_' }).collect::<String>()
        };
        let name = match order_id {
            Some(id) => format!("order-{}", safe(id)),
            None => format!("req-{request_id}"),
        };
        format!("logs/{venue}{testnet}/{symbol}/{day}/{name}.json")
    }

    /// Takes in a later dossier of the same order.
    pub fn join(&mut self, later: Self) {
        self.order_id = later.order_id.or(self.order_id.take());
        self.record = later.record.or(self.record.take());
        self.exchanges.extend(later.exchanges);
        self.exchanges.truncate(EXCHANGES_MAX);
    }

    /// The object, with what an earlier one of the same key holds.
    fn merged(&self, before: Option<&[u8]>) -> Vec<u8> {
        let before: Option<Value> = before.and_then(|bytes| serde_json::from_slice(bytes).ok());
        let had = |field: &str| before.as_ref().and_then(|it| it.get(field)).cloned();
        let mut exchanges = match had("exchanges") {
            Some(Value::Array(exchanges)) => exchanges,
            _ => Vec::new(),
        };
        exchanges.extend(self.exchanges.iter().map(Exchanged::told));
        exchanges.truncate(EXCHANGES_MAX);
        let mut object = json!({
            "requestId": self.request_id,
            "exchange": self.venue.as_str(),
            "symbol": self.symbol,
            "test": self.test,
            "orderId": self.order_id,
            "clientOrderId": self.client_order_id,
            "exchanges": exchanges,
        });
        let record = self.record.clone().or_else(|| had("record"));
        if let (Some(record), Some(object)) = (record, object.as_object_mut()) {
            object.insert("record".into(), record);
        }
        object.to_string().into_bytes()
    }
}

/// Adds a dossier to its object.
///
/// # Errors
/// [`ArchiveUnavailable`], also if the object has grown too large.
pub async fn archive<A: Archive>(store: &A, dossier: &Dossier) -> Result<(), ArchiveUnavailable> {
    let key = dossier.key();
    let bounded = |object: Vec<u8>| match object.len() > OBJECT_MAX {
        true => Err(ArchiveUnavailable(format!("{key} would be larger than 4 MiB"))),
        false => Ok(object),
    };
    if store.create(&key, &bounded(dossier.merged(None))?).await? {
        return Ok(());
    }
    let before = store.read(&key).await?;
    store.write(&key, &bounded(dossier.merged(before.as_deref()))?).await
}
