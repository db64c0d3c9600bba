//! Orders over a WebSocket, still without the socket.

use arrayvec::ArrayVec;
use hoox_signer::RequestBuf;

use crate::{
    EncodeError, ExchangeProvider, KeepAlive, Operation, OperationKind, RateUsage, Reply,
    Timestamp, VenueError,
};

/// The order-entry half of a dialect, for venues that take orders over WebSocket.
///
/// A frame is the body of the request in the buffer: `buf.request().body()`.
pub trait OrderEntry: ExchangeProvider {
    /// The address of the order-entry socket; `None` where there is none.
    fn entry_url(&self) -> Option<&str>;

    /// How the socket is kept open.
    fn entry_keep_alive(&self) -> KeepAlive;

    /// Whether a session must, or may, log on before it takes orders: always on Bybit, with an
    /// Ed25519 key on Binance.
    fn logs_on(&self) -> bool;

    /// Writes the frame that logs the session on.
    ///
    /// # Errors
    /// [`EncodeError`] if the key cannot.
    fn encode_logon(
        &self,
        at: Timestamp,
        request_id: u64,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError>;

    /// Writes the frame for `op`. On a session that is logged on it carries no signature.
    ///
    /// # Errors
    /// [`EncodeError::NotSupported`] for operations that go over REST only.
    fn encode_frame(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        request_id: u64,
        logged_on: bool,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError>;

    /// Reads one frame. `asked` tells the operation behind a request id.
    ///
    /// # Errors
    /// [`VenueError::Malformed`] if the frame cannot be read at all, so that nobody knows whose
    /// answer it was.
    fn decode_frame(
        &self,
        frame: &mut [u8],
        asked: &dyn Fn(u64) -> Option<OperationKind>,
    ) -> Result<FrameReply, VenueError>;
}

/// What a frame of an order-entry socket says.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // boxing would allocate on the order path
pub enum FrameReply {
    /// The answer to a request.
    Answer {
        /// The request's id.
        request_id: u64,
        /// The answer.
        result: Result<Reply, VenueError>,
        /// What it says of the venue's limits.
        usage: ArrayVec<RateUsage, 4>,
    },
    /// The answer to a log-on.
    LoggedOn(Result<(), VenueError>),
    /// An answer to a keep-alive.
    Pong,
    /// The session is about to end: connect anew.
    Reconnect,
    /// Nothing of interest.
    Other,
}
