//! Frames that no venue should send, slipped in between those it does.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hoox_connector::socket::{MarketConfig, MarketEvent, MarketFeed};
use hoox_connector::stream::FRAME_MAX;
use hoox_connector::{Channel, Topic};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::scene::{Exchange, Setup, beside, on_both_markets, symbol};
use crate::streams::{hurry, until};

/// A test for each fault, named after it.
#[macro_export]
macro_rules! frame_faults {
    ($exchange:ty) => {
        $crate::cases!(
            $exchange, $crate::frames:
            frame_over_the_size_limit,
            frame_of_invalid_utf8,
            frame_of_unexpected_kind,
            frame_of_broken_json,
            frame_of_binary_garbage,
            frame_against_the_protocol,
        );
    };
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

pub(crate) async fn frame_over_the_size_limit<E: Exchange>() {
    // Its length alone gives it away: nobody waits for the rest.
    let mut frame = vec![TEXT, 127];
    frame.extend_from_slice(&(FRAME_MAX as u64 + 1).to_be_bytes());
    survives::<E>(frame).await;
}

pub(crate) async fn frame_of_invalid_utf8<E: Exchange>() {
    survives::<E>(short(TEXT, b"{\"e\":\"\xff\xfe\"}")).await;
}

/// Binary, where there is only text; MEXC spot speaks both, and gets a text that is none of its own.
pub(crate) async fn frame_of_unexpected_kind<E: Exchange>() {
    survives::<E>(short(BINARY, b"{}")).await;
}

pub(crate) async fn frame_of_broken_json<E: Exchange>() {
    survives::<E>(short(TEXT, b"{\"e\":\"depthUpdate\",\"b\":[[\"1\",")).await;
}

/// Looks like protobuf and is none: a field whose length goes beyond the end.
pub(crate) async fn frame_of_binary_garbage<E: Exchange>() {
    survives::<E>(short(BINARY, b"\x0a\xff\xff\xff\xff\x0f\x08\x96\x01\x1a\x7f")).await;
}

pub(crate) async fn frame_against_the_protocol<E: Exchange>() {
    // A reserved kind of frame.
    survives::<E>(short(0x83, b"{}")).await;
}

fn short(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind, payload.len() as u8];
    frame.extend_from_slice(payload);
    frame
}

/// The session connects anew, once for each such frame, and goes on where the venue is.
async fn survives<E: Exchange>(frame: Vec<u8>) {
    let setup = Setup { walk: true, ..Setup::default() };
    on_both_markets::<E>(setup, async |it| {
        let between = Between::start(it.venue.addr()).await;
        let mut config = MarketConfig::default();
        config.session = hurry;
        let (feed, driver) = MarketFeed::new(it.client_through(between.addr), config);
        beside(driver.run(), async {
            let mut events = feed.events();
            feed.subscribe(&[Topic { channel: Channel::BookTop, symbol: Some(symbol()) }]);
            until(&mut events, |it| matches!(it, MarketEvent::BookTop(_))).await;
            for _ in 0..2 {
                between.slip_in(&frame);
                until(&mut events, |it| matches!(it, MarketEvent::Disconnected { .. })).await;
                until(&mut events, |it| matches!(it, MarketEvent::Connected { .. })).await;
                until(&mut events, |it| matches!(it, MarketEvent::BookTop(_))).await;
            }
        })
        .await;
        assert_eq!(between.opened(), 3, "two reconnects, and no storm");
    })
    .await;
}

/// Stands between a client and the venue, and can slip frames in.
struct Between {
    addr: SocketAddr,
    lines: Arc<Mutex<Vec<UnboundedSender<Vec<u8>>>>>,
}

impl Between {
    async fn start(venue: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let lines: Arc<Mutex<Vec<UnboundedSender<Vec<u8>>>>> = Arc::default();
        let opened = lines.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(upstream) = TcpStream::connect(venue).await else { return };
                let (frames, slipped_in) = unbounded_channel();
                opened.lock().unwrap().push(frames);
                let (mut from_client, to_client) = client.into_split();
                let (from_venue, mut to_venue) = upstream.into_split();
                tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_venue).await;
                });
                tokio::spawn(forward(from_venue, to_client, slipped_in));
            }
        });
        Self { addr, lines }
    }

    /// How many connections there have been.
    fn opened(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    /// Sends a frame on the newest connection, as if it were the venue's.
    fn slip_in(&self, frame: &[u8]) {
        self.lines.lock().unwrap().last().unwrap().send(frame.to_vec()).unwrap();
    }
}

/// Forwards whole frames, so that another one fits between any two of them.
async fn forward(
    mut from_venue: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    mut slipped_in: UnboundedReceiver<Vec<u8>>,
) {
    let (mut bytes, mut upgraded) = (Vec::new(), false);
    loop {
        tokio::select! {
            Some(frame) = slipped_in.recv(), if upgraded => {
                if to_client.write_all(&frame).await.is_err() {
                    return;
                }
            }
            read = from_venue.read_buf(&mut bytes) => {
                if !matches!(read, Ok(1..)) {
                    return;
                }
                while let Some(whole) = whole(&bytes, upgraded) {
                    upgraded = true;
                    let rest = bytes.split_off(whole);
                    if to_client.write_all(&bytes).await.is_err() {
                        return;
                    }
                    bytes = rest;
                }
            }
        }
    }
}

/// How long what comes first is, if all of it is there: the answer to the handshake, then frames.
fn whole(bytes: &[u8], upgraded: bool) -> Option<usize> {
    if !upgraded {
        return bytes.windows(4).position(|it| it == b"\r\n\r\n").map(|at| at + 4);
    }
    let length = match bytes.get(1)? & 0x7f {
        126 => 4 + usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        127 => 10 + u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize,
        short => 2 + usize::from(short),
    };
    (bytes.len() >= length).then_some(length)
}
