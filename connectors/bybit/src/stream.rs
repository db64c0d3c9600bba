//! Streams: which socket, which address, what is written to it (v5 ws/connect). What is read from one
//! is in `events.rs`.

use core::time::Duration;

use hoox_connector::json::write_escaped;
use hoox_connector::stream::StreamLimits;
use hoox_connector::{
    BookRule, Channel, EncodeError, Event, Frame, KeepAlive, Market, RequestBuf, Socket,
    StreamError, StreamProvider, Timestamp, Topic, VenueError,
};

use crate::{Bybit, encode, errors, events, frame};

/// The most topics of one request on spot (v5 ws/connect, "Public channel - Args limits").
const SPOT_TOPICS_MAX: usize = 10;

/// The longest list of topics, in characters (v5 ws/connect, "Public channel - Args limits").
const ARGS_MAX: usize = 21_000;

/// What a client writes every 20 seconds (v5 ws/connect, "Heartbeat"). Each is answered, so that three
/// without an answer mean a dead socket.
pub(crate) const KEEP_ALIVE: KeepAlive = KeepAlive {
    interval: Duration::from_secs(20),
    frame: Some("{\"op\":\"ping\"}"),
    silence_max: Duration::from_secs(60),
    life_max: None,
};

impl StreamProvider for Bybit {
    fn socket(&self, channel: Channel) -> Socket {
        match channel {
            Channel::Account => Socket::Private,
            _ => Socket::Public,
        }
    }

    fn socket_url(&self, socket: Socket, _: Option<&str>) -> String {
        let path = match (socket, self.market) {
            (Socket::Private, _) => "/v5/private",
            (_, Market::Spot) => "/v5/public/spot",
            _ => "/v5/public/linear",
        };
        format!("{}{path}", self.stream_url)
    }

    fn book_rule(&self) -> BookRule {
        BookRule::NextNumber
    }

    fn stream_limits(&self) -> StreamLimits {
        StreamLimits {
            // No list of as many topics is longer than `ARGS_MAX`, however long the symbols.
            topics_per_connection: 400,
            topics_per_request: if self.market == Market::Spot { SPOT_TOPICS_MAX } else { 100 },
            request_gap: Duration::from_millis(20),
        }
    }

    fn keep_alive(&self, _: Socket) -> KeepAlive {
        KEEP_ALIVE
    }

    fn authenticate(&self, at: Timestamp, _: u64, out: &mut String) -> Result<(), EncodeError> {
        let mut buf = RequestBuf::new();
        frame::write_auth(self, at, &mut buf)?;
        out.push_str(buf.request().body());
        Ok(())
    }

    fn subscribe(
        &self,
        topics: &[Topic],
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        self.request("subscribe", topics, request_id, out)
    }

    fn unsubscribe(
        &self,
        topics: &[Topic],
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        self.request("unsubscribe", topics, request_id, out)
    }

    #[inline]
    fn refusal(&self, code: i64, message: &str) -> VenueError {
        errors::refusal(code, message)
    }

    fn read(&self, frame: Frame<'_>, events: &mut dyn FnMut(Event)) -> Result<(), StreamError> {
        match frame {
            Frame::Text(text) => events::read(self.market, text, events),
            Frame::Binary(_) => Err(StreamError::UnexpectedKind),
        }
    }
}

impl Bybit {
    fn request(
        &self,
        op: &str,
        topics: &[Topic],
        request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        let invalid = |problem| Err(EncodeError::Invalid { field: "topics", problem });
        if topics.is_empty() {
            return Ok(());
        }
        let accounts = topics.iter().filter(|topic| topic.channel == Channel::Account).count();
        if accounts > 0 && accounts < topics.len() {
            return invalid("of more than one socket");
        }
        if self.market == Market::Spot && accounts == 0 && topics.len() > SPOT_TOPICS_MAX {
            return invalid("more than 10 in one request on spot");
        }
        let mut args = String::new();
        if accounts > 0 {
            // The names without a market carry every market's rows; the two styles do not mix.
            args.push_str(match self.market {
                Market::Spot => "\"order\",\"execution\",\"wallet\"",
                _ => "\"order\",\"execution\",\"position\",\"wallet\"",
            });
        } else {
            for (index, topic) in topics.iter().enumerate() {
                args.push_str(if index > 0 { ",\"" } else { "\"" });
                write_topic(topic, &mut args)?;
                args.push('"');
            }
        }
        if args.len() > ARGS_MAX {
            return invalid("more than 21000 characters in all");
        }
        out.push_str(&format!("{{\"req_id\":\"{request_id}\",\"op\":\"{op}\",\"args\":[{args}]}}"));
        Ok(())
    }
}

/// v5 websocket/public/orderbook and trade.
fn write_topic(topic: &Topic, out: &mut String) -> Result<(), EncodeError> {
    let symbol = topic.symbol.ok_or(EncodeError::Missing("symbol"))?;
    out.push_str(match topic.channel {
        Channel::BookTop => "orderbook.1.",
        Channel::Trades => "publicTrade.",
        Channel::Depth => "orderbook.50.",
        _ => return Err(encode::unsupported("this channel")),
    });
    write_escaped(out, symbol.as_str());
    Ok(())
}
