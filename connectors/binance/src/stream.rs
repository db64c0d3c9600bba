//! Streams: which socket, which address, what is written to it (spot web-socket-streams.md and
//! user-data-stream.md; linear "WebSocket Market Streams" and "User Data Streams"). What is read from
//! one is in `events.rs`.
//!
//! Spot's account comes over the WebSocket API: an Ed25519 key logs the session on and subscribes,
//! any other key subscribes with a signature, which is its authentication. Futures open the user
//! stream by a listen key in the address.

use core::time::Duration;

use hoox_connector::json::write_escaped;
use hoox_connector::stream::StreamLimits;
use hoox_connector::{
    BookRule, Channel, EncodeError, Event, Frame, KeepAlive, Market, RequestBuf, Socket,
    StreamError, StreamProvider, Timestamp, Topic, VenueError, write_encoded,
};

use crate::frame::{Call, server_pings};
use crate::{Binance, encode, errors, events};

/// The most streams of one connection (spot web-socket-streams.md, "WebSocket Limits").
const TOPICS_MAX: usize = 1024;

impl StreamProvider for Binance {
    fn socket(&self, channel: Channel) -> Socket {
        match (self.market, channel) {
            (_, Channel::Account) => Socket::Private,
            (Market::Linear, Channel::Trades) => Socket::Market,
            _ => Socket::Public,
        }
    }

    fn socket_url(&self, socket: Socket, listen_key: Option<&str>) -> String {
        let path = match (self.market, socket) {
            (Market::Spot, Socket::Private) => return self.entry_url.clone(),
            (Market::Spot, _) => "/ws",
            (_, Socket::Public) => "/public/ws",
            (_, Socket::Market) => "/market/ws",
            (_, Socket::Private) => "/private/ws",
        };
        let mut url = format!("{}{path}", self.stream_url);
        if let (Socket::Private, Some(key)) = (socket, listen_key) {
            url.push_str("?listenKey=");
            write_encoded(&mut url, key);
        }
        url
    }

    fn needs_listen_key(&self) -> bool {
        self.market == Market::Linear
    }

    fn book_rule(&self) -> BookRule {
        match self.market {
            Market::Spot => BookRule::FirstNumber,
            _ => BookRule::PreviousNumber,
        }
    }

    fn stream_limits(&self) -> StreamLimits {
        StreamLimits {
            topics_per_connection: TOPICS_MAX,
            topics_per_request: 200,
            // Of the 5 messages a second that a connection takes, pongs leave 4.
            request_gap: Duration::from_millis(250),
        }
    }

    fn keep_alive(&self, _: Socket) -> KeepAlive {
        server_pings(self.market)
    }

    fn authenticate(
        &self,
        at: Timestamp,
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        if self.market == Market::Linear {
            return Ok(());
        }
        let ed25519 = self.credentials.key().is_ed25519();
        let method = if ed25519 { "session.logon" } else { "userDataStream.subscribe.signature" };
        let mut buf = RequestBuf::new();
        Call { method, id_prefix: "", request_id }.write_key_alone(self, at, &mut buf)?;
        out.push_str(buf.request().body());
        Ok(())
    }

    fn subscribe(
        &self,
        topics: &[Topic],
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        self.request(topics, ["SUBSCRIBE", "userDataStream.subscribe"], request_id, out)
    }

    fn unsubscribe(
        &self,
        topics: &[Topic],
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        self.request(topics, ["UNSUBSCRIBE", "userDataStream.unsubscribe"], request_id, out)
    }

    #[inline]
    fn refusal(&self, code: i64, message: &str) -> VenueError {
        errors::refusal(self.market, code, message)
    }

    fn read(&self, frame: Frame<'_>, events: &mut dyn FnMut(Event)) -> Result<(), StreamError> {
        match frame {
            Frame::Text(text) => events::read(self, text, events),
            Frame::Binary(_) => Err(StreamError::UnexpectedKind),
        }
    }
}

impl Binance {
    /// A subscription or its end; `methods` are those of the market sockets and of the account's.
    fn request(
        &self,
        topics: &[Topic],
        [market_method, account_method]: [&'static str; 2],
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        let (field, problem) = ("topics", "more than 1024 on one connection");
        if topics.len() > TOPICS_MAX {
            return Err(EncodeError::Invalid { field, problem });
        }
        let accounts = topics.iter().filter(|topic| topic.channel == Channel::Account).count();
        if accounts > 0 && accounts < topics.len() {
            let problem = "of more than one socket";
            return Err(EncodeError::Invalid { field, problem });
        }
        let mut frame = String::new();
        if accounts > 0 {
            // A listen key's stream, and a signed subscription, carry the account without more.
            let asked = account_method.ends_with(".subscribe");
            let implied = asked && !self.credentials.key().is_ed25519();
            if self.market == Market::Linear || implied {
                return Ok(());
            }
            frame.push_str("{\"method\":\"");
            frame.push_str(account_method);
            frame.push('"');
        } else if !topics.is_empty() {
            frame.push_str("{\"method\":\"");
            frame.push_str(market_method);
            frame.push_str("\",\"params\":[");
            for (index, topic) in topics.iter().enumerate() {
                frame.push_str(if index > 0 { ",\"" } else { "\"" });
                self.write_stream(topic, &mut frame)?;
                frame.push('"');
            }
            frame.push(']');
        } else {
            return Ok(());
        }
        frame.push_str(&format!(",\"id\":{request_id}}}"));
        out.push_str(&frame);
        Ok(())
    }

    /// The stream's name: the symbol in lower case, and what of it.
    fn write_stream(&self, topic: &Topic, out: &mut String) -> Result<(), EncodeError> {
        let symbol = topic.symbol.ok_or(EncodeError::Missing("symbol"))?;
        let of = match (topic.channel, self.market) {
            (Channel::BookTop, _) => "@bookTicker",
            (Channel::Trades, Market::Spot) => "@trade",
            // Futures publish trades added up by price and taker order.
            (Channel::Trades, _) => "@aggTrade",
            (Channel::Depth, _) => "@depth@100ms",
            _ => return Err(encode::unsupported("this channel")),
        };
        write_escaped(out, &symbol.as_str().to_lowercase());
        out.push_str(of);
        Ok(())
    }
}
