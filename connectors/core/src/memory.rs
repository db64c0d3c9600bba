use core::fmt;

use crate::{Request, Response, Transport, TransportError};

/// A transport without a network: every request is answered by a closure, at once. For tests and
/// simulations.
///
/// ```
/// use hoox_connector::{MemoryTransport, Method, Request, RequestBuf, Response, Transport};
///
/// let transport = MemoryTransport::new(|base_url: &str, request: Request<'_>| {
///     assert_eq!((base_url, request.method()), ("https://venue", Method::Get));
///     Ok(Response::new(200, "{}"))
/// });
/// let buf = RequestBuf::new();
/// let answer = std::pin::pin!(transport.send("https://venue", buf.request()));
/// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// # let std::task::Poll::Ready(Ok(response)) = answer.poll(&mut context) else { panic!() };
/// # assert_eq!(response.status, 200);
/// ```
#[derive(Clone)]
pub struct MemoryTransport<F> {
    answer: F,
}

impl<F> MemoryTransport<F>
where
    F: Fn(&str, Request<'_>) -> Result<Response, TransportError>,
{
    /// Answers each request with what `answer` makes of the base URL and the request.
    pub fn new(answer: F) -> Self {
        Self { answer }
    }
}

impl<F> Transport for MemoryTransport<F>
where
    F: Fn(&str, Request<'_>) -> Result<Response, TransportError>,
{
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        (self.answer)(base_url, request)
    }
}

impl<F> fmt::Debug for MemoryTransport<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport").finish_non_exhaustive()
    }
}
