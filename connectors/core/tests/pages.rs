//! Lists of several pages, and orders that only the history remembers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use std::time::Duration;

use hoox_connector::{
    Asked, Capabilities, Client, ClientOrderId, Clock, Cost, EncodeError, Error, ExchangeProvider,
    Headers, Instrument, Instruments, Market, MemoryTransport, Method, Operation, OperationKind,
    OperationSet, OrderClass, OrderId, OrderReport, OrderStatus, Page, RateRule, RejectReason,
    Rejection, Reply, Request, RequestBuf, Response, Side, Symbol, Timestamp, Transport, Venue,
    VenueError,
};

/// A venue of a few pages: the path of a request is the operation and the page, the body of a reply
/// the ids of its rows and, behind a `>`, the next page.
struct Book(Capabilities);

const fn capabilities(closed_orders_in_history: bool) -> Capabilities {
    let mut it = Capabilities::new(OperationSet::of(OperationKind::ALL));
    it.closed_orders_in_history = closed_orders_in_history;
    it
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn id() -> ClientOrderId {
    ClientOrderId::portable("mine").unwrap()
}

impl ExchangeProvider for Book {
    fn venue(&self) -> Venue {
        Venue::Bybit
    }

    fn market(&self) -> Market {
        Market::Linear
    }

    fn capabilities(&self) -> &Capabilities {
        &self.0
    }

    fn base_url(&self) -> &str {
        ""
    }

    fn recv_window(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        _: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        buf.begin(Method::Get);
        let start = buf.position();
        buf.push(op.kind().as_str());
        buf.push("/");
        buf.push(Asked::from(op).page.unwrap_or("1"));
        let path = buf.since(start);
        buf.set_path(path);
        Ok(buf.request())
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        _: u16,
        _: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        let text = std::str::from_utf8(body).unwrap();
        if text == "unknown" {
            return Err(VenueError::Rejected(Rejection::new(RejectReason::UnknownOrder, 0, "")));
        }
        let (rows, next) = text.split_once('>').unwrap_or((text, ""));
        let next = (!next.is_empty()).then(|| next.into());
        let rows = rows.split_terminator(',');
        if asked.kind == OperationKind::Instruments {
            let symbols = rows.map(|name| Symbol::new(name).unwrap());
            let list = symbols.map(|it| Instrument::new(Venue::Bybit, Market::Linear, it));
            let mut page = Instruments::new(list.collect());
            page.next = next;
            return Ok(Reply::Instruments(page));
        }
        let report = |row: &str| {
            let status = OrderStatus::Canceled;
            let mut it = OrderReport::new(symbol(), row.parse().unwrap(), Side::Buy, status);
            it.client_order_id = ClientOrderId::portable(row).ok();
            it
        };
        Ok(Reply::Orders(rows.map(report).collect::<Page<_>>().with_next(next)))
    }

    fn cost(&self, _: &Operation<'_>) -> Cost {
        Cost::default()
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        Vec::new()
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}

/// A client of a venue that answers a path with a body.
fn client(
    closed_in_history: bool,
    answers: &'static [(&'static str, &'static str)],
) -> Client<Book, impl Transport, Stopped> {
    let transport = MemoryTransport::new(move |_: &str, request: Request<'_>| {
        let found = answers.iter().find(|(path, _)| *path == request.path());
        let (_, body) = found.unwrap_or_else(|| panic!("nobody asked for {}", request.path()));
        Ok(Response::new(200, *body))
    });
    Client::new(Book(capabilities(closed_in_history)), transport, Stopped)
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let pages = [("open_orders/1", "1,2>b"), ("open_orders/b", ">c"), ("open_orders/c", "2,3")];
    let client = client(false, Box::leak(Box::new(pages)));
    let orders = client.open_orders(symbol()).await.unwrap();
    let ids: Vec<_> = orders.iter().map(|order| order.order_id).collect();
    // An order that moved to the next page in the meantime is one order.
    assert_eq!(ids, [1, 2, 3].map(OrderId::from));
}

#[tokio::test]
async fn instruments_of_all_pages_are_found() {
    let client = client(false, &[("instruments/1", "A,B>2"), ("instruments/2", "C")]);
    let all = client.instruments().await.unwrap();
    assert_eq!((all.len(), &all.next), (3, &None));
    for name in ["A", "B", "C"] {
        let name = Symbol::new(name).unwrap();
        assert_eq!(all.find(&name).unwrap().symbol, name);
    }
}

#[tokio::test]
async fn pages_that_do_not_end_are_an_error() {
    let client =
        client(false, &[("open_orders/1", "1>1"), ("instruments/1", "A>1"), ("fills/1", "")]);
    assert!(matches!(client.open_orders(symbol()).await, Err(Error::Unknown(_))));
    assert!(matches!(client.instruments().await, Err(Error::Unknown(_))));
}

#[tokio::test]
async fn a_closed_order_is_looked_for_where_the_venue_keeps_it() {
    let path = "order_by_client_id/1";
    let find = async |in_history, answers: Vec<(&'static str, &'static str)>| {
        let client = client(in_history, answers.leak());
        client.find(symbol(), id(), OrderClass::Plain).await.unwrap()
    };
    let found =
        find(true, vec![(path, "unknown"), ("order_history/1", "another,mine")]).await.unwrap();
    assert_eq!(found.client_order_id, Some(id()));
    for nothing in ["unknown", "", "another"] {
        let answers = vec![(path, "unknown"), ("order_history/1", nothing)];
        assert_eq!(find(true, answers).await, None);
    }
    // Elsewhere the first answer is the last word.
    assert_eq!(find(false, vec![(path, "unknown")]).await, None);
}
