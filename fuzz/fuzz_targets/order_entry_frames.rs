//! Answers on the order-entry sockets of Binance and Bybit.

#![no_main]

use std::cell::Cell;
use std::sync::LazyLock;

use hoox_binance::Binance;
use hoox_bybit::Bybit;
use hoox_connector::{FrameReply, OperationKind, OrderEntry, VenueError};
use hoox_fuzz::input::{Input, is_json, with_escaped_member};
use hoox_fuzz::{credentials, replies};
use libfuzzer_sys::fuzz_target;

static BINANCE: LazyLock<[Binance; 2]> =
    LazyLock::new(|| [Binance::linear(credentials()), Binance::spot(credentials())]);
static BYBIT: LazyLock<[Bybit; 2]> =
    LazyLock::new(|| [Bybit::linear(credentials()), Bybit::spot(credentials())]);

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let binance = input.byte() & 1 == 0;
    let market = input.market();
    let op = input.choose(OperationKind::ALL);
    let known = input.byte();
    let (known, cut) = (known != b'?', known.wrapping_sub(b'!'));
    let entry: &dyn OrderEntry = if binance { &BINANCE[market] } else { &BYBIT[market] };

    let (result, asked) = decode(entry, known.then_some(op), input.0);
    match &result {
        Ok(FrameReply::Answer { request_id, result, .. }) => {
            assert_eq!(asked, Some(*request_id), "the answer to a request nobody made");
            assert!(known, "an answer of an unknown kind");
            replies::check(op, result);
        }
        Err(error) => {
            assert!(matches!(error, VenueError::Malformed(_)), "nobody's answer: {error:?}");
        }
        Ok(_) => {}
    }
    // Binance's frame is taken apart without a look at the members that nobody reads. But a frame
    // that is cut off is never read, and neither is one that is all but JSON of Bybit's.
    if is_json(input.0) {
        let whole = input.0.trim_ascii();
        let cut = &whole[..whole.len().saturating_sub(1 + usize::from(cut))];
        let (result, _) = decode(entry, known.then_some(op), cut);
        let bare = !whole.ends_with(b"}");
        assert!(bare || result.is_err(), "cut off, yet {result:?}");
    } else {
        assert!(binance || result.is_err(), "not JSON, yet {result:?}");
    }
    if let Some(other) = with_escaped_member(input.0) {
        let (general, _) = decode(entry, known.then_some(op), &other);
        if result.is_ok() || general.is_ok() {
            assert_eq!(shown(&result), shown(&general), "the fast and the general reader disagree");
        }
    }
});

/// What the frame says, as text to be compared.
fn shown(result: &Result<FrameReply, VenueError>) -> String {
    match result {
        Ok(FrameReply::Answer { request_id, result, .. }) => {
            format!("{request_id}: {}", replies::shown(result))
        }
        other => format!("{other:?}"),
    }
}

/// What the frame says, and which request it was looked up for.
fn decode(
    entry: &dyn OrderEntry,
    known: Option<OperationKind>,
    frame: &[u8],
) -> (Result<FrameReply, VenueError>, Option<u64>) {
    let asked = Cell::new(None);
    let look_up = |id: u64| {
        asked.set(Some(id));
        known
    };
    (entry.decode_frame(&mut frame.to_vec(), &look_up), asked.get())
}
