//! A reader for the replies that are waited for: it walks a JSON text once, in place, and builds
//! nothing.

/// How deep a skipped value may nest; replies to orders nest two deep.
const DEPTH_MAX: usize = 16;

/// Reads the usual shape of a JSON reply, in a fraction of a general reader's time: one line, texts
/// without escapes, exact JSON otherwise. Every method returns `None` at anything unusual, be it legal JSON or
/// not, and the caller then reads the reply anew with [`json::read`](crate::json::read), which reads
/// whatever is legal and names the field of whatever is not.
///
/// ```
/// use hoox_connector::Cursor;
///
/// fn order_id(body: &[u8]) -> Option<u64> {
///     let (mut cursor, mut id) = (Cursor::new(body)?, None);
///     cursor.object(|cursor, name| match name {
///         "orderId" => cursor.bare().map(|text| id = text.parse().ok()),
///         _ => cursor.skip(),
///     })?;
///     cursor.end()?;
///     id
/// }
///
/// assert_eq!(order_id(br#"{"orderId": 28, "fills": [{"qty": "1.5"}]}"#), Some(28));
/// assert_eq!(order_id(br#"{"order\u0049d": 28}"#), None);
/// ```
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `body`; `None` if it is not UTF-8, or holds a backslash or a control
    /// character anywhere. With those out of the way once, a text ends at the next quote.
    #[inline]
    pub fn new(body: &'a [u8]) -> Option<Self> {
        // Looks at every byte, so that the compiler can take many at once.
        let unusual = |found, byte: &u8| found | (*byte < b' ') | (*byte == b'\\');
        if body.iter().fold(false, unusual) {
            return None;
        }
        core::str::from_utf8(body).ok().map(|text| Self { text, at: 0 })
    }

    /// Reads an object, and calls `member` after each name, to read the value.
    #[inline]
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.eat(b':')?;
            member(self, name)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Reads an array, and calls `element` to read each element.
    #[inline]
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            element(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Reads a text without escapes.
    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let start = self.at;
        let length = up_to_quote(self.text.as_bytes().get(start..)?)?;
        self.at = start + length + 1;
        self.text.get(start..start + length)
    }

    /// Reads a number, `true`, `false` or `null`, as its text.
    #[inline]
    pub fn bare(&mut self) -> Option<&'a str> {
        self.peek()?;
        let start = self.at;
        let rest = self.text.as_bytes().get(start..)?;
        let (whole, after) = digits(rest);
        // Most are whole numbers; they are looked at once.
        if let ([b'1'..=b'9', ..], [b',' | b'}', ..]) = (whole, after) {
            self.at = start + whole.len();
            return self.text.get(start..self.at);
        }
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ');
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        self.at = start + length;
        let text = self.text.get(start..self.at)?;
        (matches!(text, "true" | "false" | "null") || is_number(text.as_bytes())).then_some(text)
    }

    /// Reads a text without escapes, or what [`bare`](Self::bare) reads.
    #[inline]
    pub fn scalar(&mut self) -> Option<&'a str> {
        if self.peek()? == b'"' { self.string() } else { self.bare() }
    }

    /// Passes over a value of any kind.
    #[inline]
    pub fn skip(&mut self) -> Option<()> {
        self.skip_within(DEPTH_MAX)
    }

    /// Whether nothing but space is left.
    #[inline]
    pub fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    fn skip_within(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.object(|cursor, _| cursor.skip_within(depth))
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.array(|cursor| cursor.skip_within(depth))
            }
            _ => self.bare().map(drop),
        }
    }

    /// The next byte that is not space, which is not consumed.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at)? {
                b' ' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }
}

/// How many bytes come before the next quote. Looks at eight at a time.
#[inline]
fn up_to_quote(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'"'));
        // The lowest byte that is marked was zero; only bytes above it may be marked wrongly.
        let found = word.wrapping_sub(ONES) & !word & HIGHS;
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let at = tail.iter().position(|byte| *byte == b'"')?;
    Some(bytes.len() - tail.len() + at)
}

/// RFC 8259, section 6.
#[inline]
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = digits(text);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
        return false;
    }
    let rest = match rest.strip_prefix(b".").map(digits) {
        None => rest,
        Some(([], _)) => return false,
        Some((_, rest)) => rest,
    };
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            matches!(digits(exponent), ([_, ..], []))
        }
        _ => false,
    }
}

#[inline]
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Whether the cursor takes the whole text.
    fn takes(text: &str) -> bool {
        let Some(mut cursor) = Cursor::new(text.as_bytes()) else { return false };
        cursor.skip().and_then(|()| cursor.end()).is_some()
    }

    #[test]
    fn the_usual_is_taken_and_the_unusual_left() {
        for text in [
            "{}",
            "[]",
            " { \"a\" : [ 1 , -2.5e+7 , true , null , \"\" ] } ",
            "0",
            "-0.0",
            r#"{"long enough for words":"and more than sixteen bytes of text"}"#,
            r#""Ünïcödé text of some length""#,
        ] {
            assert!(takes(text), "{text}");
        }
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "nul",
            "truee",
            "NaN",
            "\"",
            "\"a",
            "\"a\\n\"",
            "\"a\nb\"",
            "1 2",
            "{} {}",
            "\"12345678\u{1}\"",
            "\"1234567\\\"",
        ] {
            assert!(!takes(text), "{text}");
        }
        assert!(takes(&"[".repeat(16)[..].to_owned().add("]", 16)));
        assert!(!takes(&"[".repeat(17)[..].to_owned().add("]", 17)), "too deep");
    }

    trait Add {
        fn add(self, text: &str, times: usize) -> String;
    }

    impl Add for String {
        fn add(self, text: &str, times: usize) -> String {
            self + &text.repeat(times)
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[ !#-Z^-~]{0,20}".prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map("[a-zA-Z]{0,12}", inner, 0..6)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn of_legal_json_everything_without_escapes_is_taken(value in json()) {
            let text = value.to_string();
            prop_assert_eq!(takes(&text), !text.contains('\\'), "{}", text);
        }

        #[test]
        fn what_is_taken_is_legal_json(
            value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let mut text = value.to_string().into_bytes();
            let at = at.index(text.len());
            if cut { text.truncate(at) } else { text[at] = byte }
            if let Ok(text) = String::from_utf8(text) && takes(&text) {
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(), "{}", text);
            }
        }
    }
}
