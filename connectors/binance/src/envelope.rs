//! The outermost object of an answer of the WebSocket API, taken apart without copying.
//!
//! `serde_json` would keep a stack on the heap for every nested value it skips, and reading an
//! acknowledgement takes no memory. What is found here is validated by who reads it.

use core::ops::Range;

/// Where the members of an answer are in its frame; empty where one is missing or `null`.
#[derive(Default)]
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
        let mut it = Self::default();
        let mut cursor = Cursor { bytes: frame, at: 0 };
        cursor.expect(b'{')?;
        if cursor.peek()? == b'}' {
            cursor.at += 1;
            return cursor.peek().is_none().then_some(it);
        }
        loop {
            let name = cursor.string()?;
            cursor.expect(b':')?;
            let value = cursor.value()?;
            let slot = match frame.get(name)? {
                b"id" => Some(&mut it.id),
                b"status" => Some(&mut it.status),
                b"result" => Some(&mut it.result),
                b"error" => Some(&mut it.error),
                b"event" => Some(&mut it.event),
                b"rateLimits" => Some(&mut it.rate_limits),
                _ => None,
            };
            if let Some(slot) = slot
                && frame.get(value.clone())? != b"null"
            {
                *slot = value;
            }
            match cursor.next()? {
                b',' => {}
                b'}' => return cursor.peek().is_none().then_some(it),
                _ => return None,
            }
        }
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
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
        let it = Envelope::of(frame).unwrap();
        assert_eq!(&frame[it.result], br#"{"a":[1,{"b":"\"}"}]}"#);
        assert_eq!((&frame[it.id], &frame[it.status]), (&b"\"7\""[..], &b"200"[..]));
        assert!(it.error.is_empty() && it.event.is_empty());
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
