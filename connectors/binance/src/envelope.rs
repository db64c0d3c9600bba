//! The outermost object of an answer of the WebSocket API, taken apart without copying.
//!
//! `serde_json` would keep a stack on the heap for every nested value it skips, and reading an
//! acknowledgement takes no memory. What is found here is validated by who reads it.

use core::ops::Range;

use hoox_connector::Cursor;

/// Where the members of an answer are in its frame; empty where one is missing or `null`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) id: Range<usize>,
    pub(crate) status: Range<usize>,
    pub(crate) result: Range<usize>,
    pub(crate) error: Range<usize>,
    pub(crate) event: Range<usize>,
    pub(crate) rate_limits: Range<usize>,
}

impl Envelope {
    /// Takes `frame` apart, or not, if it is no whole JSON object.
    pub(crate) fn of(frame: &[u8]) -> Option<Self> {
        Self::usual(frame).or_else(|| Self::unusual(frame))
    }

    /// One line without escapes, as nearly all are.
    fn usual(frame: &[u8]) -> Option<Self> {
        let mut it = Self::default();
        let mut cursor = Cursor::new(frame)?;
        cursor.object(|cursor, name| {
            let value = cursor.raw()?;
            let end = frame.len().checked_sub(cursor.left())?;
            it.keep(name.as_bytes(), end.checked_sub(value.len())?..end, value);
            Some(())
        })?;
        cursor.end()?;
        Some(it)
    }

    fn unusual(frame: &[u8]) -> Option<Self> {
        let mut it = Self::default();
        let mut walk = Walk { bytes: frame, at: 0 };
        walk.expect(b'{')?;
        if walk.peek()? == b'}' {
            walk.at += 1;
            return walk.peek().is_none().then_some(it);
        }
        loop {
            let name = walk.string()?;
            walk.expect(b':')?;
            let place = walk.value()?;
            it.keep(frame.get(name)?, place.clone(), frame.get(place)?);
            match walk.next()? {
                b',' => {}
                b'}' => return walk.peek().is_none().then_some(it),
                _ => return None,
            }
        }
    }

    fn keep(&mut self, name: &[u8], place: Range<usize>, value: &[u8]) {
        let slot = match name {
            b"id" => &mut self.id,
            b"status" => &mut self.status,
            b"result" => &mut self.result,
            b"error" => &mut self.error,
            b"event" => &mut self.event,
            b"rateLimits" => &mut self.rate_limits,
            _ => return,
        };
        if value != b"null" {
            *slot = place;
        }
    }
}

/// Byte by byte, with space and escapes wherever they may be.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..)?;
        self.at += rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// The inside of a string.
    fn string(&mut self) -> Option<Range<usize>> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if self.bytes.get(self.at) == Some(&b'"') {
                self.at += 1;
                return Some(start..self.at - 1);
            }
            // The backslash, and what it escapes.
            self.at += 2;
        }
    }

    /// Any value, up to the comma or bracket behind it.
    fn value(&mut self) -> Option<Range<usize>> {
        self.peek()?;
        let (start, mut depth) = (self.at, 0_usize);
        let mut end = start;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b'}' | b']' if depth == 0 => return (end > start).then_some(start..end),
                _ => self.at += 1,
            }
            end = self.at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_wherever_they_are() {
        let frame = br#" { "x" : [ {"id":1} , "}" ] , "result" : {"a":[1,{"b":"\"}"}]} ,"id":"7", "status":200 ,"error":null} "#;
        assert!(Envelope::usual(frame).is_none());
        let it = Envelope::unusual(frame).unwrap();
        assert_eq!(&frame[it.result], br#"{"a":[1,{"b":"\"}"}]}"#);
        assert_eq!((&frame[it.id], &frame[it.status]), (&b"\"7\""[..], &b"200"[..]));
        assert!(it.error.is_empty() && it.event.is_empty());
    }

    #[test]
    fn both_ways_find_the_same() {
        for frame in [
            "{}",
            r#"{"id":"7","status":200,"result":{"a":[1,{"b":"}"}]},"rateLimits":[{"count":1}]}"#,
            r#" { "status" : 400 , "error" : { "code" : -1 } , "id" : 7 , "result" : null , "x" : [ ] } "#,
            r#"{"event":{"e":"serverShutdown"},"event":{"e":"again"}}"#,
        ] {
            let frame = frame.as_bytes();
            assert!(Envelope::usual(frame).is_some());
            assert_eq!(Envelope::usual(frame), Envelope::unusual(frame));
        }
    }

    #[test]
    fn what_is_no_object_is_none() {
        assert!(Envelope::of(b"{}").is_some());
        for text in [
            "",
            " ",
            "{",
            "[]",
            "1",
            "null",
            "{}x",
            "{,}",
            r#"{"id"}"#,
            r#"{"id":}"#,
            r#"{"id":1,}"#,
            r#"{"id":1"#,
            r#"{"id":"1}"#,
            r#"{"id":1]"#,
            r#"{"id":1}}"#,
            r#"{"id":"\"#,
            r#"{id:1}"#,
        ] {
            assert!(Envelope::of(text.as_bytes()).is_none(), "{text}");
        }
    }
}
