use std::cell::Cell;
use std::sync::Mutex;

use hoox_connector::{
    Asked, Change, Cost, EncodeError, Headers, Method, NewOrder, OperationSet, RateRule, Rejection,
    Reply, Request, RequestBuf, Response, Side, Ticker, TransportError, VenueError,
};

use super::*;

/// A dialect that writes the operation's name, and answers as it is told.
struct Dialect {
    capabilities: Capabilities,
    asked: Mutex<Vec<OperationKind>>,
    reject: Mutex<Option<RejectReason>>,
}

impl ExchangeProvider for Dialect {
    fn venue(&self) -> Venue {
        Venue::Binance
    }

    fn market(&self) -> Market {
        Market::Linear
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn base_url(&self) -> &str {
        ""
    }

    fn recv_window(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        _: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        self.asked.lock().unwrap().push(op.kind());
        buf.begin(Method::Get);
        let path = buf.push("/");
        buf.set_path(path);
        Ok(buf.request())
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        _: u16,
        _: Headers<'_>,
        _: &mut [u8],
    ) -> Result<Reply, VenueError> {
        if let Some(reason) = self.reject.lock().unwrap().take() {
            return Err(VenueError::Rejected(Rejection::new(reason, -1, "no")));
        }
        let symbol = symbol();
        Ok(match asked.kind {
            OperationKind::Instruments => {
                Reply::Instruments(Instruments::new(vec![Instrument::new(
                    Venue::Binance,
                    Market::Linear,
                    symbol,
                )]))
            }
            OperationKind::ServerTime => Reply::ServerTime(Timestamp::from_millis(0)),
            OperationKind::Ticker => {
                Reply::Ticker(Ticker::new(symbol, Some(Decimal::ONE), Some(Decimal::TEN)))
            }
            OperationKind::SetLeverage => {
                Reply::Changed(Change::Bounded { max_notional: Decimal::ONE_THOUSAND })
            }
            _ => Reply::Changed(Change::Unchanged),
        })
    }

    fn cost(&self, _: &Operation<'_>) -> Cost {
        Cost::default()
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        Vec::new()
    }
}

struct Wire;

impl Transport for Wire {
    async fn send(&self, _: &str, _: Request<'_>) -> Result<Response, TransportError> {
        Ok(Response { status: 200, ..Response::default() })
    }
}

struct Hands(Cell<u64>);

impl Clock for &Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.get())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.get())
    }

    async fn sleep(&self, _: Duration) {}
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn desk<'c>(clock: &'c Hands, kinds: &[OperationKind]) -> Desk<Dialect, Wire, &'c Hands> {
    let capabilities = Capabilities::new(OperationSet::of(kinds));
    let dialect = Dialect { capabilities, asked: Mutex::default(), reject: Mutex::default() };
    Desk::new(Client::new(dialect, Wire, clock), clock)
}

fn asked(desk: &Desk<Dialect, Wire, &Hands>) -> Vec<OperationKind> {
    std::mem::take(&mut *desk.client().provider().asked.lock().unwrap())
}

#[tokio::test]
async fn settings_are_made_once_and_again_when_they_change_or_age() {
    use OperationKind::{SetLeverage, SetMarginMode};
    let clock = Hands(Cell::new(0));
    let desk = desk(&clock, OperationKind::ALL);
    let set = async |mode, leverage| desk.set_up(symbol(), mode, leverage, None).await;
    let bound = Some(Decimal::ONE_THOUSAND);
    assert_eq!(set(MarginMode::Isolated, 10).await.unwrap(), bound);
    assert_eq!(asked(&desk), [SetMarginMode, SetLeverage]);
    assert_eq!(set(MarginMode::Isolated, 10).await.unwrap(), bound, "it is remembered");
    assert_eq!(asked(&desk), []);
    set(MarginMode::Isolated, 20).await.unwrap();
    assert_eq!(asked(&desk), [SetLeverage]);
    set(MarginMode::Cross, 20).await.unwrap();
    assert_eq!(asked(&desk), [SetMarginMode, SetLeverage]);
    clock.0.set(600_000);
    set(MarginMode::Cross, 20).await.unwrap();
    assert_eq!(asked(&desk), [SetMarginMode, SetLeverage]);
}

#[tokio::test]
async fn a_setting_that_failed_counts_for_nothing() {
    use OperationKind::{SetLeverage, SetMarginMode};
    let clock = Hands(Cell::new(0));
    let desk = desk(&clock, OperationKind::ALL);
    desk.set_up(symbol(), MarginMode::Isolated, 10, None).await.unwrap();
    *desk.client().provider().reject.lock().unwrap() = Some(RejectReason::Leverage);
    assert!(desk.set_up(symbol(), MarginMode::Isolated, 20, None).await.is_err());
    asked(&desk);
    desk.set_up(symbol(), MarginMode::Isolated, 10, None).await.unwrap();
    assert_eq!(asked(&desk), [SetMarginMode, SetLeverage]);
}

#[tokio::test]
async fn an_exchange_without_a_margin_mode_is_not_asked_for_one() {
    let clock = Hands(Cell::new(0));
    let desk = desk(&clock, &[OperationKind::SetLeverage]);
    desk.set_up(symbol(), MarginMode::Isolated, 10, None).await.unwrap();
    assert_eq!(asked(&desk), [OperationKind::SetLeverage]);
}

#[tokio::test]
async fn instruments_are_kept_for_minutes_and_dropped_on_a_precision_reject() {
    let clock = Hands(Cell::new(0));
    let desk = desk(&clock, OperationKind::ALL);
    desk.client().sync_clock().await.unwrap();
    asked(&desk);
    let read = async || desk.instrument(symbol()).await.unwrap().is_some();
    assert!(read().await);
    clock.0.set(599_999);
    assert!(read().await);
    assert_eq!(asked(&desk), [OperationKind::Instruments]);
    clock.0.set(600_000);
    assert!(read().await);
    assert_eq!(asked(&desk), [OperationKind::Instruments]);

    let id = ClientOrderId::portable("hx1").unwrap();
    let order = NewOrder::market(symbol(), Side::Buy, Decimal::ONE).client_order_id(id);
    *desk.client().provider().reject.lock().unwrap() = Some(RejectReason::Precision);
    assert!(desk.place(&PreparedOrder::as_written(&order).unwrap()).await.is_err());
    asked(&desk);
    assert!(read().await);
    assert_eq!(asked(&desk), [OperationKind::Instruments]);
    // Old rules are better than none while the exchange does not tell new ones.
    clock.0.set(2_000_000);
    *desk.client().provider().reject.lock().unwrap() = Some(RejectReason::Other);
    assert!(read().await);
}

#[tokio::test]
async fn nothing_is_planned_by_a_clock_that_was_never_compared() {
    let clock = Hands(Cell::new(0));
    let desk = desk(&clock, OperationKind::ALL);
    *desk.client().provider().reject.lock().unwrap() = Some(RejectReason::Other);
    assert!(desk.instrument(symbol()).await.is_err());
    assert_eq!(asked(&desk).first(), Some(&OperationKind::ServerTime));
    assert!(desk.instrument(symbol()).await.unwrap().is_some());
    assert_eq!(asked(&desk).last(), Some(&OperationKind::Instruments));
    desk.instrument(symbol()).await.unwrap();
    assert_eq!(asked(&desk), []);
}

#[tokio::test]
async fn prices_are_the_mark_and_as_fresh_as_asked_for() {
    let clock = Hands(Cell::new(0));
    let desk = desk(&clock, OperationKind::ALL);
    let read = async |ms| desk.price(symbol(), Duration::from_millis(ms)).await.unwrap();
    assert_eq!(read(0).await, Some(Decimal::TEN));
    clock.0.set(500);
    assert_eq!(read(501).await, Some(Decimal::TEN));
    assert_eq!(asked(&desk).len(), 1);
    read(500).await;
    assert_eq!(asked(&desk).len(), 1);
}
