//! Replies no documentation promises: a gateway's page, half a reply, another one's, nonsense.

use crate::{OperationKind as Kind, Reply, VenueError};

use super::check::Check;
use super::replies;

const PAGE: &[u8] =
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n";

/// What a proxy in front of the venue answers when it lost the venue.
const GATEWAY: [u16; 5] = [408, 500, 502, 503, 504];

pub(super) fn gateway_pages(check: &mut Check<'_>) {
    for kind in changing(check) {
        for status in GATEWAY.into_iter().chain([200, 520]) {
            for body in [PAGE, b"", b"upstream request timeout"] {
                let read = check.decode_bytes(kind, status, body);
                check.claim(is_open(&read), || {
                    format!("{}: HTTP {status} with a page is read as {read:?}", kind.as_str())
                });
            }
        }
    }
}

pub(super) fn cut_replies(check: &mut Check<'_>) {
    for (kind, answer) in replies::good(check) {
        let whole = answer.body.trim_ascii_end();
        check.claim(check.decode_bytes(kind, answer.status, whole).is_ok(), || {
            format!("{}: the whole reply is not read", kind.as_str())
        });
        for end in 0..whole.len() {
            let cut = whole.get(..end).unwrap_or_default();
            let read = check.decode_bytes(kind, answer.status, cut);
            let right = matches!(read, Err(VenueError::Malformed(_) | VenueError::Unknown(_)));
            check.claim(right, || {
                format!("{}: cut after {end} bytes it is read as {read:?}", kind.as_str())
            });
        }
    }
}

pub(super) fn other_replies(check: &mut Check<'_>) {
    for kind in changing(check) {
        for body in ["null", "true", "0", "\"\"", "\"OK\"", "{}", "[null]", "{\"a\":1}"] {
            let read = check.decode_bytes(kind, 200, body.as_bytes());
            check
                .claim(is_open(&read), || format!("{}: {body} is read as {read:?}", kind.as_str()));
        }
    }
}

/// Nothing is asked of the result: a reader that panics or never returns does not come here.
pub(super) fn broken_replies(check: &mut Check<'_>) {
    let deep = [b"[".repeat(2_000), b"{\"a\":".repeat(2_000)];
    let mut bodies: Vec<Vec<u8>> = deep.into();
    for text in ["", " ", "null", "[]", "{}", "[{}]", "[[]]", "1e999", "\"\\ud800\"", "nan"] {
        bodies.push(text.as_bytes().to_vec());
    }
    bodies.extend([vec![0xff; 64], vec![0; 64], PAGE.to_vec()]);
    for (_, answer) in replies::good(check) {
        let text = String::from_utf8_lossy(&answer.body);
        // Every digit another, every text a number, and numbers of absurd lengths.
        bodies.push(text.replace(|c: char| c.is_ascii_digit(), "9").into_bytes());
        bodies.push(text.replace('"', "").into_bytes());
        bodies.push(text.replace('1', "-1e400").into_bytes());
        bodies.push(text.replace('0', &"0".repeat(500)).into_bytes());
        bodies.push(text.replace(':', ":null,\"x\":").into_bytes());
    }
    for kind in Kind::ALL {
        for status in [0, 200, 204, 301, 400, 401, 403, 404, 409, 418, 429, 451, 500, 503, 999] {
            for body in &bodies {
                let read = check.decode_bytes(*kind, status, body);
                check.claim(read.is_ok() || read.is_err(), String::new);
            }
        }
    }
}

/// Whether the order may still exist.
fn is_open(read: &Result<Reply, VenueError>) -> bool {
    matches!(read, Err(VenueError::Unknown(_) | VenueError::Malformed(_)))
}

fn changing(check: &Check<'_>) -> Vec<Kind> {
    let supported = |kind: &&Kind| kind.changes_orders() && check.supports(**kind);
    Kind::ALL.iter().filter(supported).copied().collect()
}
