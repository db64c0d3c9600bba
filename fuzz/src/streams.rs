//! Frames of streams: whatever arrives on a socket is read, or refused, and never read as more than
//! it holds.

use hoox_connector::{Decimal, Event, Frame, StreamError, StreamProvider};

use crate::input::{Input, is_json, with_escaped_member};

/// A field that no message has, which sends a frame to the general protobuf reader: number 900, a
/// whole number, 1.
const UNKNOWN_FIELD: [u8; 3] = [0xa0, 0x38, 1];

/// Reads an input: market, kind of frame, and the frame. Text that is not UTF-8 is sent as binary.
pub fn read<P: StreamProvider>(markets: &[P; 2], data: &[u8]) {
    let mut input = Input(data);
    let provider = &markets[input.market()];
    let binary = input.byte() == b'b';
    match core::str::from_utf8(input.0) {
        Ok(text) if !binary => read_text(provider, text),
        _ => read_binary(provider, input.0),
    }
}

fn read_text(provider: &impl StreamProvider, text: &str) {
    let (result, events) = events_of(provider, Frame::Text(text));
    let json = is_json(text.as_bytes());
    // Behind the best levels a reader need not look.
    let best = matches!(events[..], [Event::BookTop(_)]);
    assert!(json || best || events.is_empty() || result.is_err(), "not JSON, yet {events:?}");
    let Some(other) = with_escaped_member(text.as_bytes()) else { return };
    let other = String::from_utf8(other).unwrap_or_default();
    let (general, others) = events_of(provider, Frame::Text(&other));
    // A frame of no interest need not be read whole, so what is wrong with it may stay unseen.
    let ignored = result.is_ok() && events.is_empty();
    if (result.is_ok() && !ignored) || general.is_ok() {
        assert_eq!((result, events), (general, others), "the fast and the general reader disagree");
    }
}

fn read_binary(provider: &impl StreamProvider, bytes: &[u8]) {
    let (result, events) = events_of(provider, Frame::Binary(bytes));
    if result == Err(StreamError::UnexpectedKind) {
        return;
    }
    let other = [bytes, &UNKNOWN_FIELD].concat();
    let (general, others) = events_of(provider, Frame::Binary(&other));
    if result.is_ok() {
        assert_eq!((result, events), (general, others), "the fast and the general reader disagree");
    }
}

fn events_of(
    provider: &impl StreamProvider,
    frame: Frame<'_>,
) -> (Result<(), StreamError>, Vec<Event>) {
    let mut events = Vec::new();
    let result = provider.read(frame, &mut |event| events.push(event));
    // A frame cannot hold more events than bytes; an empty answer may still mean one.
    assert!(events.len() <= frame.len() + 1, "{} events of {} bytes", events.len(), frame.len());
    events.iter().for_each(check);
    (result, events)
}

fn check(event: &Event) {
    match event {
        Event::Position(position) => {
            assert!(position.size >= Decimal::ZERO, "a negative size: {position:?}");
            let flat = position.size.is_zero();
            assert!(flat || position.side.is_some(), "neither long nor short: {position:?}");
        }
        Event::Book(book) => {
            assert!(book.first_id.is_none() || !book.snapshot, "a snapshot with a first update");
        }
        _ => {}
    }
}
