//! What went over the wire for an order, kept outside the ledger (trade.md §10, data.md §4): the
//! requests as they were sent and the answers as they came, secrets taken out.

mod exchanged;
mod seen;

use hoox_connector::{Symbol, Venue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::{Record, RefusedSignal, RequestId, utc_date};

use exchanged::Told;

pub use exchanged::Exchanged;
pub use seen::{is_watched, saw, send_watched, watched};

/// The most exchanges one object holds, and the most bytes.
const EXCHANGES_MAX: usize = 64;
const OBJECT_MAX: usize = 4 * 1024 * 1024;

/// The size of most objects, in bytes.
const OBJECT_USUAL: usize = 4 * 1024;

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
    record: Option<Box<RawValue>>,
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
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Before {
            exchanges: Vec<Box<RawValue>>,
            record: Option<Box<RawValue>>,
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Kept<'a> {
            Before(Box<RawValue>),
            New(Box<Told<'a>>),
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Object<'a> {
            request_id: RequestId,
            exchange: &'a str,
            symbol: Symbol,
            test: bool,
            order_id: Option<&'a str>,
            client_order_id: Option<&'a str>,
            exchanges: Vec<Kept<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            record: Option<&'a RawValue>,
        }
        let before = before.and_then(|bytes| serde_json::from_slice::<Before>(bytes).ok());
        let Before { exchanges, record } = before.unwrap_or_default();
        let had = exchanges.into_iter().map(Kept::Before);
        let new = self.exchanges.iter().map(|exchanged| Kept::New(Box::new(exchanged.told())));
        let object = Object {
            request_id: self.request_id,
            exchange: self.venue.as_str(),
            symbol: self.symbol,
            test: self.test,
            order_id: self.order_id.as_deref(),
            client_order_id: self.client_order_id.as_deref(),
            exchanges: had.chain(new).take(EXCHANGES_MAX).collect(),
            record: self.record.as_deref().or(record.as_deref()),
        };
        let mut bytes = Vec::with_capacity(OBJECT_USUAL);
        // Into memory, and of nothing that has no JSON: it does not fail.
        let _ = serde_json::to_writer(&mut bytes, &object);
        bytes
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
