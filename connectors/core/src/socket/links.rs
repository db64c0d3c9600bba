//! The connections of a session, polled together.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, Stream, StreamExt};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::dial::{WebSocket, dial, fault_of};
use crate::session::{ConnectionId, FrameFault};

/// What came of a connection.
pub(super) enum LinkEvent {
    Opened,
    Text(Utf8Bytes),
    Binary(Bytes),
    /// A ping or a pong, which the library answers by itself.
    Control,
    Fault(FrameFault),
    Closed(String),
}

/// The half of a connection that writes.
pub(super) type Writer = SplitSink<WebSocket, Message>;

/// At most three at a time, as the session has it.
#[derive(Default)]
pub(super) struct Links {
    links: Vec<Link>,
}

struct Link {
    id: ConnectionId,
    state: State,
    /// What is still to be written.
    outbox: VecDeque<Message>,
}

enum State {
    Dialing(Pin<Box<dyn Future<Output = Result<WebSocket, String>> + Send>>),
    Open(Box<WebSocket>),
    /// Somebody else has the half that writes.
    Reading(Box<SplitStream<WebSocket>>),
}

impl Links {
    pub(super) fn dial(&mut self, id: ConnectionId, url: String) {
        let state = State::Dialing(Box::pin(dial(url)));
        self.links.push(Link { id, state, outbox: VecDeque::new() });
    }

    /// Writes a frame as soon as the socket takes it.
    pub(super) fn send(&mut self, id: ConnectionId, text: String) {
        if let Some(link) = self.links.iter_mut().find(|link| link.id == id) {
            link.outbox.push_back(Message::text(text));
        }
    }

    /// Hands out the half of an open connection that writes.
    pub(super) fn split(&mut self, id: ConnectionId) -> Option<Writer> {
        let place = self.links.iter().position(|link| link.id == id)?;
        let Link { state, outbox, .. } = self.links.swap_remove(place);
        let State::Open(socket) = state else { return None };
        let (writer, reader) = (*socket).split();
        self.links.push(Link { id, state: State::Reading(Box::new(reader)), outbox });
        Some(writer)
    }

    /// Ends a connection, with the protocol's farewell if the socket takes it at once.
    pub(super) fn close(&mut self, id: ConnectionId) {
        let Some(place) = self.links.iter().position(|link| link.id == id) else { return };
        if let State::Open(mut socket) = self.links.swap_remove(place).state {
            let mut cx = Context::from_waker(Waker::noop());
            let socket = Pin::new(&mut *socket);
            farewell(socket, &mut cx);
        }
    }

    /// The next thing that happens on any of them.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(ConnectionId, LinkEvent)> {
        for place in 0..self.links.len() {
            let Some(link) = self.links.get_mut(place) else { break };
            let id = link.id;
            if let Poll::Ready(event) = link.poll(cx) {
                if matches!(event, LinkEvent::Closed(_)) {
                    self.links.swap_remove(place);
                } else {
                    // The others have their turn before this one is asked again.
                    self.links.rotate_left(place + 1);
                }
                return Poll::Ready((id, event));
            }
        }
        Poll::Pending
    }
}

impl Link {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        let message = match &mut self.state {
            State::Dialing(dialing) => {
                return dialing.as_mut().poll(cx).map(|dialed| match dialed {
                    Ok(socket) => {
                        self.state = State::Open(Box::new(socket));
                        LinkEvent::Opened
                    }
                    Err(cause) => LinkEvent::Closed(cause),
                });
            }
            State::Open(socket) => {
                if let Err(error) = write(Pin::new(&mut **socket), &mut self.outbox, cx) {
                    return Poll::Ready(LinkEvent::Closed(error));
                }
                Pin::new(socket).poll_next(cx)
            }
            State::Reading(socket) => Pin::new(socket).poll_next(cx),
        };
        message.map(|message| match message {
            Some(Ok(Message::Text(text))) => LinkEvent::Text(text),
            Some(Ok(Message::Binary(bytes))) => LinkEvent::Binary(bytes),
            Some(Ok(Message::Close(frame))) => LinkEvent::Closed(
                frame.map_or_else(|| "closed".into(), |it| format!("closed ({})", it.code)),
            ),
            Some(Ok(_)) => LinkEvent::Control,
            Some(Err(error)) => match fault_of(&error) {
                Some(fault) => LinkEvent::Fault(fault),
                None => LinkEvent::Closed(error.to_string()),
            },
            None => LinkEvent::Closed("closed".into()),
        })
    }
}

/// Writes as much as the socket takes now.
fn write(
    mut socket: Pin<&mut WebSocket>,
    outbox: &mut VecDeque<Message>,
    cx: &mut Context<'_>,
) -> Result<(), String> {
    if outbox.is_empty() {
        return Ok(());
    }
    while let Poll::Ready(ready) = socket.as_mut().poll_ready(cx) {
        ready.map_err(|error| error.to_string())?;
        let Some(message) = outbox.pop_front() else { break };
        socket.as_mut().start_send(message).map_err(|error| error.to_string())?;
    }
    match socket.as_mut().poll_flush(cx) {
        Poll::Ready(Err(error)) => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn farewell(mut socket: Pin<&mut WebSocket>, cx: &mut Context<'_>) {
    if let Poll::Ready(Ok(())) = socket.as_mut().poll_ready(cx)
        && socket.as_mut().start_send(Message::Close(None)).is_ok()
    {
        let _ = socket.as_mut().poll_flush(cx);
    }
}
