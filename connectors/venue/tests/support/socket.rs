//! A WebSocket client for the bare exchange.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr};

use hoox_venue::{Exchange, Frame, HttpRequest, Message, SessionId};
use serde_json::Value;

/// Opens a session.
pub fn connect(exchange: &mut Exchange, now: u64, target: &str) -> Result<SessionId, u16> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = HttpRequest {
        method: "GET",
        path,
        query,
        headers: &[],
        body: b"",
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    exchange.connect(now, &request).map_err(|handled| handled.into_reply().map_or(0, |r| r.status))
}

/// Sends a JSON message and takes what is due then.
pub fn say(exchange: &mut Exchange, now: u64, session: SessionId, message: &Value) -> Vec<Frame> {
    exchange.message(now, session, Message::Text(message.to_string()));
    exchange.take_frames(now, session)
}

/// Lets time pass and takes what is due then.
pub fn wait(exchange: &mut Exchange, now: u64, session: SessionId) -> Vec<Frame> {
    exchange.poll(now);
    exchange.take_frames(now, session)
}

pub fn json(frame: &Frame) -> Value {
    match frame {
        Frame::Text(text) => serde_json::from_str(text).expect("JSON"),
        other => panic!("not a text: {other:?}"),
    }
}

pub fn jsons(frames: &[Frame]) -> Vec<Value> {
    frames.iter().map(json).collect()
}
