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

use hoox_binance::Binance;
use hoox_connector::{Credentials, Market};
use hoox_venue::Venue;

use scene::{Exchange, Site};

struct Here;

impl Exchange for Here {
    const VENUE: Venue = Venue::Binance;
    const DEPTH: &'static str = "depth";
    type Dialect = Binance;

    fn dialect(market: Market, site: &Site) -> Binance {
        let endpoint = &site.endpoint;
        let credentials = Credentials::hmac(&endpoint.api_key, &endpoint.api_secret);
        let (dialect, entry) = match market {
            Market::Spot => (Binance::spot(credentials), "/ws-api/v3"),
            _ => (Binance::linear(credentials), "/ws-fapi/v1"),
        };
        dialect
            .with_base_url(&endpoint.rest)
            .with_stream_url(&endpoint.ws)
            .with_entry_url(format!("{}{entry}", endpoint.ws))
            .with_recv_window(site.recv_window)
    }
}

rest_faults!(Here);
entry_faults!(Here);
stream_faults!(Here);
frame_faults!(Here);
