//! Every fault, over real sockets: what the caller sees, that no order is doubled, and that the
//! venue's limits are kept. The cases are the same for every venue.

#![cfg(test)]

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

use std::sync::Arc;

use hoox_connector::{Credentials, Market};
use hoox_mexc::Mexc;
use hoox_venue::Venue;

use scene::{Exchange, Site};

struct Here;

impl Exchange for Here {
    const VENUE: Venue = Venue::Mexc;
    const DEPTH: &'static str = "depth";
    type Dialect = Mexc;

    fn dialect(market: Market, site: &Site) -> Mexc {
        let endpoint = &site.endpoint;
        let credentials = Credentials::hmac(&endpoint.api_key, &endpoint.api_secret);
        let dialect = match market {
            Market::Spot => Mexc::spot(credentials),
            _ => Mexc::linear(credentials),
        };
        dialect
            .with_base_url(&endpoint.rest)
            .with_stream_url(&endpoint.ws)
            .with_recv_window(site.recv_window)
            .with_instruments(Arc::clone(&site.instruments))
    }
}

rest_faults!(Here);
stream_faults!(Here);
frame_faults!(Here);
