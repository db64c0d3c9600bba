//! A worker that encodes and signs as many orders as it is told: its own clock stands still
//! meanwhile, so whoever asks takes the time.

use hoox_any::Dialect;
use hoox_connector::{
    ClientOrderId, Credentials, Decimal, ExchangeProvider, Market, NewOrder, Operation,
    PreparedOrder, RequestBuf, Side, Symbol, Timestamp, Venue,
};
use worker::{Context, Env, Request, Response, Result, event};

/// When the first order is signed; each further one a millisecond later.
const START: u64 = 1_700_000_007_007;

/// `/{venue}/{count}`: signs, and answers with the length of all signatures.
#[event(fetch)]
async fn fetch(request: Request, _: Env, _: Context) -> Result<Response> {
    let path = request.path();
    let mut parts = path.trim_start_matches('/').split('/');
    let venue = parts.next().and_then(|name| name.parse().ok());
    let count = parts.next().and_then(|count| count.parse().ok());
    let (Some(venue), Some(count)) = (venue, count) else {
        return Response::error("/{venue}/{count}", 400);
    };
    match sign(venue, count) {
        Some(signed) => Response::ok(signed.to_string()),
        None => Response::error("not signed", 500),
    }
}

fn sign(venue: Venue, count: u64) -> Option<usize> {
    let credentials = Credentials::hmac(
        "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    );
    // MEXC counts futures in contracts, for which it would have to be asked.
    let market = if venue == Venue::Mexc { Market::Spot } else { Market::Linear };
    let dialect = Dialect::live(venue, market, credentials)?;
    let id = ClientOrderId::portable("hx0123456789abcdef0123456789abcd").ok()?;
    let symbol = Symbol::new("BTCUSDT").ok()?;
    let (quantity, price) = (Decimal::new(34, 3), Decimal::new(432_109, 1));
    let order = NewOrder::limit(symbol, Side::Buy, quantity, price).client_order_id(id);
    let order = PreparedOrder::as_written(&order).ok()?;
    let mut buf = RequestBuf::new();
    let mut signed = 0;
    for n in 0..count {
        let at = Timestamp::from_millis(START + n);
        let request = dialect.encode(&Operation::Place(&order), at, &mut buf).ok()?;
        signed += request.signature().len();
    }
    Some(signed)
}
