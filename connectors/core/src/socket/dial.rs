//! Opening a WebSocket.

use http::Uri;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::session::FrameFault;
use crate::stream::FRAME_MAX;
use crate::wire::{Target, Wire, trusted};

/// How much is read at a time. The library fills as much with zeros before each read: its 128 KiB take
/// microseconds, where most frames have less than one.
const READ_SIZE: usize = 16 * 1024;

pub(super) type WebSocket = WebSocketStream<Wire>;

/// Opens `url`. The error never holds it: a listen key may be in there.
pub(super) async fn dial(url: String) -> Result<WebSocket, String> {
    let uri: Uri = url.parse().map_err(|_| "the address is no URL".to_owned())?;
    let text = |error: std::io::Error| error.to_string();
    let tls = match uri.scheme_str() {
        Some("wss" | "https") => Some(trusted().map_err(text)?),
        Some("ws" | "http") => None,
        _ => return Err("the address has no scheme ws or wss".into()),
    };
    let wire = Target::new(&uri, tls).map_err(text)?.connect().await.map_err(text)?;
    // Without a write buffer a frame goes out at once. No extension, such as compression, is offered.
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_SIZE)
        .write_buffer_size(0)
        .max_write_buffer_size(FRAME_MAX)
        .max_message_size(Some(FRAME_MAX))
        .max_frame_size(Some(FRAME_MAX));
    let request = url.as_str().into_client_request().map_err(describe)?;
    match client_async_with_config(request, wire, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(describe(error)),
    }
}

/// What is wrong with a frame, if that is what the error is about.
pub(super) fn fault_of(error: &Error) -> Option<FrameFault> {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error {
        Error::Capacity(_) => Some(FrameFault::TooLong),
        Error::Utf8(_) => Some(FrameFault::NotText),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(FrameFault::Protocol),
        _ => None,
    }
}

pub(super) fn describe(error: Error) -> String {
    match error {
        Error::Http(response) => format!("HTTP status {}", response.status().as_u16()),
        Error::Url(_) => "the address is no URL".into(),
        other => other.to_string(),
    }
}
