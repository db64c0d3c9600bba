//! Messages that no venue should send.

use super::Frame;
use crate::fault::FaultKind;

/// More than a client should read.
const TOO_LONG: usize = 8 * 1024 * 1024;

/// A field whose length goes beyond the end, and no field after it.
const NO_PROTOBUF: &[u8] = b"\x0a\xff\xff\xff\xff\x0f\x08\x96\x01\x1a\x7f";

/// What comes instead of an event; nothing, if the fault does not damage it.
pub(super) fn damaged(kind: FaultKind, event: &Frame) -> Option<Frame> {
    Some(match (kind, event) {
        (FaultKind::StreamGarbage, Frame::Text(text)) => Frame::Text(half(text).to_owned()),
        (FaultKind::StreamGarbage, _) => Frame::Binary(NO_PROTOBUF.to_vec()),
        (FaultKind::StreamNotUtf8, _) => Frame::NotUtf8(b"{\"e\":\"\xff\xfe\"}".to_vec()),
        (FaultKind::StreamWrongKind, Frame::Text(text)) => Frame::Binary(text.clone().into_bytes()),
        (FaultKind::StreamWrongKind, Frame::Binary(bytes)) => {
            Frame::Text(String::from_utf8_lossy(bytes).into_owned())
        }
        (FaultKind::StreamTooLong, Frame::Binary(_)) => Frame::Binary(vec![0; TOO_LONG]),
        (FaultKind::StreamTooLong, _) => Frame::Text(" ".repeat(TOO_LONG)),
        _ => return None,
    })
}

/// The first half of a text.
pub(super) fn half(text: &str) -> &str {
    let half = text.len() / 2;
    let cut = (0..=half).rev().find(|at| text.is_char_boundary(*at));
    text.get(..cut.unwrap_or(0)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_damage_on_either_kind_of_message() {
        let (text, binary) = (Frame::from("{\"a\":1}"), Frame::Binary(vec![8, 1]));
        assert_eq!(damaged(FaultKind::StreamGarbage, &text), Some(Frame::from("{\"a")));
        assert!(matches!(damaged(FaultKind::StreamGarbage, &binary), Some(Frame::Binary(_))));
        let Some(Frame::NotUtf8(bytes)) = damaged(FaultKind::StreamNotUtf8, &text) else {
            panic!()
        };
        assert!(std::str::from_utf8(&bytes).is_err());
        let turned = damaged(FaultKind::StreamWrongKind, &text);
        assert_eq!(turned, Some(Frame::Binary(b"{\"a\":1}".to_vec())));
        assert!(matches!(damaged(FaultKind::StreamWrongKind, &binary), Some(Frame::Text(_))));
        let Some(Frame::Text(long)) = damaged(FaultKind::StreamTooLong, &text) else { panic!() };
        assert_eq!(long.len(), TOO_LONG);
        assert_eq!(damaged(FaultKind::StreamDrop, &text), None);
    }
}
