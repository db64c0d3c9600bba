use core::fmt;

use arrayvec::ArrayVec;

use crate::{Encoding, KeyError, SigningKey};

/// The most headers a request carries: the most any venue asks for is five.
const MAX_HEADERS: usize = 8;

/// The HTTP methods the venues use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Creates or changes.
    Post,
    /// Amends.
    Put,
    /// Cancels.
    Delete,
}

impl Method {
    /// The method as HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The buffer a request is built in once: path, query, headers, body and signature are ranges of one
/// text, which keeps its capacity from request to request, so that after the first nothing is
/// allocated.
///
/// Write with the `push` methods, remember ranges as [`Span`]s, name them with `set_path`,
/// `set_query`, `set_body` and `header`, and borrow the result with [`request`](Self::request). What
/// is signed must be one span, so a dialect lays its text out in the venue's signing order.
///
/// Spans are only meaningful for the request they were taken in; a span beyond the text reads as
/// empty.
#[derive(Default, Clone)]
pub struct RequestBuf {
    text: String,
    method: Method,
    path: Span,
    query: Span,
    body: Span,
    payload: Span,
    signature: Span,
    headers: ArrayVec<(&'static str, HeaderValue), MAX_HEADERS>,
}

impl RequestBuf {
    /// An empty buffer with room for an ordinary order (1 KiB).
    pub fn new() -> Self {
        Self { text: String::with_capacity(1024), ..Self::default() }
    }

    /// Forgets the last request, keeps its memory, and starts one with `method`.
    #[inline]
    pub fn begin(&mut self, method: Method) {
        self.text.clear();
        self.headers.clear();
        self.method = method;
        self.path = Span::default();
        self.query = Span::default();
        self.body = Span::default();
        self.payload = Span::default();
        self.signature = Span::default();
    }

    /// Where the next character goes.
    #[inline]
    pub fn position(&self) -> Position {
        Position(at(&self.text))
    }

    /// Everything written since `start`.
    #[inline]
    pub fn since(&self, start: Position) -> Span {
        Span { start: start.0, end: at(&self.text) }
    }

    /// Appends `text`.
    #[inline]
    pub fn push(&mut self, text: &str) -> Span {
        let start = self.position();
        self.text.push_str(text);
        self.since(start)
    }

    /// Appends an unsigned integer in decimal digits.
    #[inline]
    pub fn push_u64(&mut self, value: u64) -> Span {
        self.push(itoa::Buffer::new().format(value))
    }

    /// The text itself, for writers of values this crate does not know.
    #[inline]
    pub fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// The characters of `span`.
    #[inline]
    pub fn text(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Signs `payload`, appends the signature, and remembers both.
    ///
    /// # Errors
    /// [`KeyError::Rsa`] for an RSA key too short for SHA-256.
    #[inline]
    pub fn sign(
        &mut self,
        key: &SigningKey,
        payload: Span,
        encoding: Encoding,
    ) -> Result<Span, KeyError> {
        let signature = key.sign(self.text(payload).as_bytes())?;
        let start = self.position();
        signature.write(&mut self.text, encoding);
        self.payload = payload;
        self.signature = self.since(start);
        Ok(self.signature)
    }

    /// Appends a signature made elsewhere (from a prefix state) over `payload`, and remembers both.
    #[inline]
    pub fn push_signature(&mut self, bytes: [u8; 32], payload: Span) -> Span {
        let start = self.position();
        crate::Signature::Hmac(bytes).write(&mut self.text, Encoding::Plain);
        self.payload = payload;
        self.signature = self.since(start);
        self.signature
    }

    /// Names the path, which begins with `/`.
    #[inline]
    pub fn set_path(&mut self, span: Span) {
        self.path = span;
    }

    /// Names the query, without `?`.
    #[inline]
    pub fn set_query(&mut self, span: Span) {
        self.query = span;
    }

    /// Names the body.
    #[inline]
    pub fn set_body(&mut self, span: Span) {
        self.body = span;
    }

    /// Adds a header whose value is `span`. Beyond eight headers the call is without effect.
    #[inline]
    pub fn header(&mut self, name: &'static str, span: Span) {
        // The bound is the dialects' own; every venue's tests would show a header missing.
        let _ = self.headers.try_push((name, HeaderValue::Written(span)));
    }

    /// Adds a header whose value never changes. Beyond eight headers the call is without effect.
    #[inline]
    pub fn constant_header(&mut self, name: &'static str, value: &'static str) {
        let _ = self.headers.try_push((name, HeaderValue::Constant(value)));
    }

    /// The finished request.
    #[inline]
    pub fn request(&self) -> Request<'_> {
        Request { buf: self }
    }
}

impl fmt::Debug for RequestBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.request(), f)
    }
}

/// A place in the text of a [`RequestBuf`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position(u32);

/// A range of the text of a [`RequestBuf`], small enough to be handed on in a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

/// The text's end. No request comes near 4 GiB; one that did would lose what lies beyond, and be
/// refused by the venue, rather than show another's.
#[inline]
fn at(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

#[derive(Clone, Copy)]
enum HeaderValue {
    Constant(&'static str),
    Written(Span),
}

/// A signed request, borrowed from the buffer it was built in.
///
/// `Debug` shows the method, the path and the names of the headers; never the query, the body or a
/// header's value, for these hold the API key and the signature.
#[derive(Clone, Copy)]
pub struct Request<'b> {
    buf: &'b RequestBuf,
}

impl<'b> Request<'b> {
    /// The method.
    pub fn method(&self) -> Method {
        self.buf.method
    }

    /// The path, with a leading `/` and without the query.
    pub fn path(&self) -> &'b str {
        self.buf.text(self.buf.path)
    }

    /// The query without `?`; empty if there is none.
    pub fn query(&self) -> &'b str {
        self.buf.text(self.buf.query)
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &'b str {
        self.buf.text(self.buf.body)
    }

    /// The headers, as (name, value).
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'b str)> + use<'b> {
        let buf = self.buf;
        buf.headers.iter().map(move |(name, value)| match value {
            HeaderValue::Constant(text) => (*name, *text),
            HeaderValue::Written(span) => (*name, buf.text(*span)),
        })
    }

    /// The bytes the signature covers; empty for an unsigned request.
    pub fn signed_payload(&self) -> &'b str {
        self.buf.text(self.buf.payload)
    }

    /// The signature as it stands in the request; empty for an unsigned request.
    pub fn signature(&self) -> &'b str {
        self.buf.text(self.buf.signature)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("path", &self.path())
            .field("headers", &self.headers().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HmacKey;

    #[test]
    fn debug_of_a_request_shows_no_secret() {
        let mut buf = RequestBuf::new();
        buf.begin(Method::Get);
        let path = buf.push("/api");
        let key = buf.push("the-api-key");
        let payload = buf.push("a=1");
        buf.sign(&HmacKey::new(b"the-secret").into(), payload, Encoding::Plain).unwrap();
        buf.set_path(path);
        buf.header("X-KEY", key);
        let shown = format!("{:?} {buf:?}", buf.request());
        assert!(shown.contains("/api") && shown.contains("X-KEY"));
        for secret in ["the-api-key", buf.request().signature()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn a_buffer_forgets_the_request_before() {
        let mut buf = RequestBuf::new();
        buf.begin(Method::Post);
        let body = buf.push("body");
        buf.set_body(body);
        buf.header("A", body);
        buf.begin(Method::Get);
        let request = buf.request();
        assert_eq!((request.body(), request.headers().count()), ("", 0));
        // A span of the old request reads as empty rather than as another's text.
        assert_eq!(buf.text(body), "");
    }
}
