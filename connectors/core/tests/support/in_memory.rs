//! The simulated venue without a network.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use hoox_connector::{Clock, MemoryTransport, Request, Response, SystemClock, TransportError};
use hoox_venue::{Config, Exchange, Handled, HttpRequest};

/// A transport that ends in an exchange of its own, whose paths are those of `base_url`.
pub(crate) fn in_memory(
    config: Config,
) -> MemoryTransport<impl Fn(&str, Request<'_>) -> Result<Response, TransportError>> {
    let exchange = Mutex::new(Exchange::new(config));
    MemoryTransport::new(move |base_url: &str, request: Request<'_>| {
        let (_, place) = base_url.split_once("://").unwrap();
        let prefix = place.find('/').map_or("", |at| &place[at..]);
        let path = format!("{prefix}{}", request.path());
        let headers: Vec<_> = request.headers().collect();
        let now = SystemClock.now().as_millis();
        let handled = exchange.lock().unwrap().handle(
            now,
            &HttpRequest {
                method: request.method().as_str(),
                path: &path,
                query: request.query(),
                headers: &headers,
                body: request.body().as_bytes(),
                peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            },
        );
        let Handled::Reply(reply) = handled else { panic!("a fault that nobody asked for") };
        let mut response = Response::new(reply.status, reply.body);
        for (name, value) in reply.headers {
            response = response.with_header(name, value.parse().unwrap());
        }
        Ok(response)
    })
}
