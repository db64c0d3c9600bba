//! Streams: which socket, which address, what is written to it (spot "Websocket Market Streams",
//! "Websocket User Data Streams"; futures "WebSocket API"). What is read from one is in `proto.rs`
//! (spot) and `events.rs` (futures).
//!
//! Spot takes many channels in a command and sends protobuf; its user stream is opened by a listen
//! key. Futures take one channel in a command and send JSON; a login opens the account on the same
//! address, and after it everything is sent until a filter narrows it.

use core::time::Duration;

use hoox_connector::json::write_escaped;
use hoox_connector::stream::StreamLimits;
use hoox_connector::{
    BookRule, Channel, EncodeError, Event, Frame, KeepAlive, Market, Socket, StreamError,
    StreamProvider, Timestamp, Topic, VenueError, write_encoded,
};
use hoox_signer::Encoding;

use crate::encode::{hmac_key, unsupported};
use crate::instruments::WireSymbol;
use crate::{Mexc, errors, events, proto};

/// The most channels of a spot connection.
const TOPICS_MAX: usize = 30;

/// The faster of the two rates of the aggregated spot channels, 10 and 100 milliseconds.
const RATE: &str = "@10ms@";

/// Spot closes a connection after 60 seconds without data.
const SPOT_KEEP_ALIVE: KeepAlive = KeepAlive {
    interval: Duration::from_secs(20),
    frame: Some("{\"method\":\"PING\"}"),
    silence_max: Duration::from_secs(60),
    life_max: Some(Duration::from_secs(24 * 60 * 60)),
};

/// Futures want a ping every 10 to 20 seconds, and close after 60 without.
const LINEAR_KEEP_ALIVE: KeepAlive = KeepAlive {
    interval: Duration::from_secs(15),
    frame: Some("{\"method\":\"ping\"}"),
    silence_max: Duration::from_secs(60),
    life_max: None,
};

impl StreamProvider for Mexc {
    fn socket(&self, channel: Channel) -> Socket {
        match channel {
            Channel::Account => Socket::Private,
            _ => Socket::Public,
        }
    }

    fn socket_url(&self, socket: Socket, listen_key: Option<&str>) -> String {
        let path = if self.market == Market::Spot { "/ws" } else { "/edge" };
        let mut url = format!("{}{path}", self.stream_url);
        if let (Market::Spot, Socket::Private, Some(key)) = (self.market, socket, listen_key) {
            url.push_str("?listenKey=");
            write_encoded(&mut url, key);
        }
        url
    }

    fn needs_listen_key(&self) -> bool {
        self.market == Market::Spot
    }

    fn book_rule(&self) -> BookRule {
        BookRule::FirstNumber
    }

    fn stream_limits(&self) -> StreamLimits {
        let (topics_per_connection, topics_per_request) = match self.market {
            Market::Spot => (TOPICS_MAX, TOPICS_MAX),
            // No number is published: as many as spot's connection takes requests in two seconds.
            _ => (200, 1),
        };
        // Of the 100 messages a second that a connection takes, pings leave enough.
        let request_gap = Duration::from_millis(20);
        StreamLimits { topics_per_connection, topics_per_request, request_gap }
    }

    fn keep_alive(&self, _: Socket) -> KeepAlive {
        if self.market == Market::Spot { SPOT_KEEP_ALIVE } else { LINEAR_KEEP_ALIVE }
    }

    /// futures, "Private Channels": the signature covers key and time. Spot's address does it.
    fn authenticate(
        &self,
        at: Timestamp,
        _request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        if self.market == Market::Spot {
            return Ok(());
        }
        let (key, time) = (self.credentials.api_key(), at.as_millis());
        let signature = hmac_key(self)?.sign(format!("{key}{time}").as_bytes())?;
        out.push_str("{\"method\":\"login\",\"param\":{\"apiKey\":\"");
        write_escaped(out, key);
        out.push_str(&format!("\",\"reqTime\":\"{time}\",\"signature\":\""));
        signature.write(out, Encoding::Plain);
        out.push_str("\"}}");
        Ok(())
    }

    /// Futures take one topic at a time: call it once for each.
    fn subscribe(
        &self,
        topics: &[Topic],
        _request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        match self.market {
            Market::Spot => spot_command("SUBSCRIPTION", topics, out),
            _ => self.linear_command("sub", topics, out),
        }
    }

    /// The account's topics end with their socket on futures: nothing is appended for them.
    fn unsubscribe(
        &self,
        topics: &[Topic],
        _request_id: u64,
        out: &mut String,
    ) -> Result<(), EncodeError> {
        match self.market {
            Market::Spot => spot_command("UNSUBSCRIPTION", topics, out),
            _ => self.linear_command("unsub", topics, out),
        }
    }

    #[inline]
    fn refusal(&self, code: i64, message: &str) -> VenueError {
        errors::refused(self.market, code, message)
    }

    fn read(&self, frame: Frame<'_>, events: &mut dyn FnMut(Event)) -> Result<(), StreamError> {
        match (self.market, frame) {
            (Market::Spot, Frame::Binary(bytes)) => proto::read(bytes, events),
            (Market::Spot, Frame::Text(text)) => events::read_spot_answer(text, events),
            (_, Frame::Text(text)) => events::read_linear(self, text, events),
            // Only a subscription without `"gzip":false` is answered so.
            (_, Frame::Binary(_)) => Err(StreamError::UnexpectedKind),
        }
    }
}

/// spot, "Live Subscribing/Unsubscribing to streams".
fn spot_command(method: &str, topics: &[Topic], out: &mut String) -> Result<(), EncodeError> {
    let invalid = |problem| Err(EncodeError::Invalid { field: "topics", problem });
    let accounts = topics.iter().filter(|topic| topic.channel == Channel::Account).count();
    if topics.len() + 2 * accounts > TOPICS_MAX {
        return invalid("more than 30 channels on one connection");
    }
    if accounts > 0 && accounts < topics.len() {
        return invalid("of more than one socket");
    }
    if topics.is_empty() {
        return Ok(());
    }
    let mut frame = String::from("{\"method\":\"");
    frame.push_str(method);
    frame.push_str("\",\"params\":[");
    for (index, topic) in topics.iter().enumerate() {
        frame.push_str(if index > 0 { ",\"" } else { "\"" });
        frame.push_str(match topic.channel {
            Channel::BookTop => "spot@public.aggre.bookTicker.v3.api.pb",
            Channel::Trades => "spot@public.aggre.deals.v3.api.pb",
            Channel::Depth => "spot@public.aggre.depth.v3.api.pb",
            Channel::Account => {
                "spot@private.orders.v3.api.pb\",\"spot@private.deals.v3.api.pb\",\
                 \"spot@private.account.v3.api.pb"
            }
            _ => return Err(unsupported("this channel")),
        });
        if topic.channel != Channel::Account {
            let symbol = topic.symbol.ok_or(EncodeError::Missing("symbol"))?;
            frame.push_str(RATE);
            write_escaped(&mut frame, symbol.as_str());
        }
        frame.push('"');
    }
    frame.push_str("]}");
    out.push_str(&frame);
    Ok(())
}

impl Mexc {
    /// futures, "Command details for data exchange".
    fn linear_command(
        &self,
        verb: &str,
        topics: &[Topic],
        out: &mut String,
    ) -> Result<(), EncodeError> {
        let topic = match topics {
            [] => return Ok(()),
            [topic] => topic,
            _ => {
                let problem = "futures take one in a frame";
                return Err(EncodeError::Invalid { field: "topics", problem });
            }
        };
        // Trades and depth are merged unless told otherwise, which would hide numbers of the book.
        let (channel, options) = match topic.channel {
            // The ticker comes once a second and without sizes.
            Channel::BookTop => ("depth.full", ",\"limit\":5"),
            Channel::Trades => ("deal", ""),
            Channel::Depth => ("depth", ",\"compress\":false"),
            Channel::Account if verb == "unsub" => return Ok(()),
            Channel::Account => {
                out.push_str(
                    "{\"method\":\"personal.filter\",\"param\":{\"filters\":[\
                     {\"filter\":\"order\"},{\"filter\":\"order.deal\"},\
                     {\"filter\":\"position\"},{\"filter\":\"asset\"}]}}",
                );
                return Ok(());
            }
            _ => return Err(unsupported("this channel")),
        };
        let symbol = topic.symbol.ok_or(EncodeError::Missing("symbol"))?;
        let symbol = WireSymbol::new(&self.instruments, &symbol)?;
        out.push_str(&format!("{{\"method\":\"{verb}.{channel}\",\"param\":{{\"symbol\":\""));
        symbol.write(out, write_escaped);
        out.push('"');
        out.push_str(options);
        out.push_str("},\"gzip\":false}");
        Ok(())
    }
}
