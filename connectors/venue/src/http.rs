//! HTTP without a socket: what goes into [`Exchange::handle`](crate::Exchange::handle) and what
//! comes out.

use std::net::IpAddr;

/// One request as it arrived. Nothing is decoded: signatures cover the exact bytes.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// `GET`, `POST`, `PUT` or `DELETE`, in upper case.
    pub method: &'a str,
    /// Path with the venue's prefix, for example `/binance/fapi/v1/order`. Without one, `/api/v3`,
    /// `/sapi`, `/fapi`, `/dapi`, `/ws-api` and `/ws-fapi` are Binance's, `/v5` is Bybit's.
    pub path: &'a str,
    /// Query string without the question mark; empty when there is none.
    pub query: &'a str,
    /// Header names (any case) and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body bytes; at most [`MAX_BODY`].
    pub body: &'a [u8],
    /// Address the request came from; IP limits count per address.
    pub peer: IpAddr,
}

/// Longest accepted request body in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Longest accepted query string in bytes.
pub(crate) const MAX_QUERY: usize = 16 * 1024;

impl<'a> HttpRequest<'a> {
    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v)
    }
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status code.
    pub status: u16,
    /// Header names and values, without `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    /// Body bytes.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: vec![(CONTENT_TYPE, "application/json".to_owned())], body }
    }

    pub(crate) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n\
             <center><h1>{status} {title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self {
            status,
            headers: vec![(CONTENT_TYPE, "text/html".to_owned())],
            body: body.into_bytes(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

const CONTENT_TYPE: &str = "Content-Type";

/// What the caller of [`Exchange::handle`](crate::Exchange::handle) is to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Send this reply.
    Reply(HttpResponse),
    /// Close the connection without a reply. Whether the request was executed depends on the
    /// fault that asked for this.
    Drop,
    /// The request has been executed; send the head of this reply, with the length of its body, and
    /// the first half of that, then close the connection.
    Cut(HttpResponse),
    /// The request has been executed; send this reply after so many milliseconds.
    ReplyAfter(u64, HttpResponse),
    /// The request has *not* been executed yet: hand it in again, to
    /// [`Exchange::handle_late`](crate::Exchange::handle_late), after so many milliseconds. This
    /// is a request that is slow on its way to the venue.
    HandleAfter(u64),
}

impl Handled {
    /// The reply, if a whole one comes, however late.
    #[must_use]
    pub fn into_reply(self) -> Option<HttpResponse> {
        match self {
            Self::Reply(reply) | Self::ReplyAfter(_, reply) => Some(reply),
            Self::Drop | Self::Cut(_) | Self::HandleAfter(_) => None,
        }
    }
}
