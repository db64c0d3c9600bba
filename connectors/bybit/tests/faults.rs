//! Every fault, over real sockets: what the caller sees, that no order is doubled, and that the
//! venue's limits are kept. The cases are the same for every venue.

#![cfg(test)]

#[path = "../../core/tests/faults/entry.rs"]
mod entry;
#[path = "../../core/tests/faults/frames.rs"]
mod frames;
#[path = "../../core/tests/faults/rest.rs"]
mod rest;
#[path = "../../core/tests/faults/scene.rs"]
mod scene;
#[path = "../../core/tests/faults/streams.rs"]
mod streams;
#[path = "../../core/tests/support/told.rs"]
mod told;

use hoox_bybit::Bybit;
use hoox_connector::{Credentials, Market};
use hoox_venue::Venue;

use scene::{Exchange, Site};

struct Here;

impl Exchange for Here {
    const VENUE: Venue = Venue::Bybit;
    const DEPTH: &'static str = "orderbook";
    type Dialect = Bybit;

    fn dialect(market: Market, site: &Site) -> Bybit {
        let endpoint = &site.endpoint;
        let credentials = Credentials::hmac(&endpoint.api_key, &endpoint.api_secret);
        let dialect = match market {
            Market::Spot => Bybit::spot(credentials),
            _ => Bybit::linear(credentials),
        };
        dialect
            .with_base_url(&endpoint.rest)
            .with_stream_url(&endpoint.ws)
            .with_entry_url(format!("{}/v5/trade", endpoint.ws))
            .with_recv_window(site.recv_window)
    }
}

rest_faults!(Here);
entry_faults!(Here);
stream_faults!(Here);
frame_faults!(Here);
