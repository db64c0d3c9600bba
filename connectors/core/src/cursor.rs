//! A reader for the replies that are waited for: it walks a JSON text once, in place, and builds
//! nothing.

use rust_decimal::Decimal;

use crate::decimal::{self, Parts};
use crate::{parse_decimal, swar};

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
    left: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `body`; `None` if it is not UTF-8, or holds a backslash or a control
    /// character anywhere. With those out of the way once, a text ends at the next quote.
    #[inline]
    pub fn new(body: &'a [u8]) -> Option<Self> {
        // Looks at every byte, so that the compiler can take many at once: as signed numbers, what is
        // no ASCII is below the space too.
        let unusual = |found, byte: &u8| found | (byte.cast_signed() < 0x20) | (*byte == b'\\');
        if body.iter().fold(false, unusual) && !is_usual(body) {
            return None;
        }
        Some(Self { left: body })
    }

    /// Reads an object, and calls `member` after each name, to read the value.
    #[inline]
    pub fn object(&mut self, member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.open()?;
        self.rest(member)
    }

    /// Begins an object, whose members are then asked for by [`next_is`](Self::next_is), in the order
    /// in which they usually come, and the others read by [`rest`](Self::rest): a name that is foreseen
    /// costs a comparison, any other a search.
    ///
    /// ```
    /// use hoox_connector::Cursor;
    ///
    /// fn sum(body: &[u8]) -> Option<u64> {
    ///     let (mut cursor, mut sum) = (Cursor::new(body)?, 0);
    ///     cursor.open()?;
    ///     if cursor.next_is("a") {
    ///         sum += cursor.whole()?;
    ///         cursor.separator()?;
    ///     }
    ///     cursor.rest(|cursor, name| match name {
    ///         "a" | "b" => cursor.whole().map(|value| sum += value),
    ///         _ => cursor.skip(),
    ///     })?;
    ///     Some(sum)
    /// }
    ///
    /// assert_eq!(sum(br#"{"a":1,"b":2}"#), Some(3));
    /// assert_eq!(sum(br#"{"c":[],"b":2,"a":1}"#), Some(3));
    /// ```
    #[inline]
    pub fn open(&mut self) -> Option<()> {
        self.eat(b'{')?;
        matches!(self.peek()?, b'"' | b'}').then_some(())
    }

    /// Whether the next member has this name, which is then passed over: read its value, then call
    /// [`separator`](Self::separator). `name` must be one that JSON does not escape.
    #[inline(always)] // so that the name is a constant here
    pub fn next_is(&mut self, name: &str) -> bool {
        let Some((front, behind)) = self.left.split_at_checked(name.len() + 3) else {
            return false;
        };
        let found = matches!(front, [b'"', inner @ .., b'"', b':'] if inner == name.as_bytes());
        if found {
            self.left = behind;
        }
        found
    }

    /// Passes over what comes between a member's value and the next member, if there is one.
    #[inline(always)] // so that the usual case is
    pub fn separator(&mut self) -> Option<()> {
        match self.left {
            [b',', behind @ ..] if behind.first() == Some(&b'"') => {
                self.left = behind;
                Some(())
            }
            _ => self.unusual_separator(),
        }
    }

    /// Passes over the next member if it has this name.
    #[inline(always)] // as next_is
    pub fn skip_if(&mut self, name: &str) -> Option<()> {
        if self.next_is(name) {
            self.skip()?;
            self.separator()?;
        }
        Some(())
    }

    /// Reads the members that are left of an object, and its end.
    #[inline]
    pub fn rest(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        while self.peek()? != b'}' {
            let name = self.string()?;
            self.eat(b':')?;
            member(self, name)?;
            self.separator()?;
        }
        self.pass(1)
    }

    /// Keeps the value of a member; `None` if it has come before, which is for the other reader to
    /// complain of.
    #[inline]
    pub fn keep<T>(slot: &mut Option<T>, value: T) -> Option<()> {
        slot.is_none().then(|| *slot = Some(value))
    }

    /// Reads an array, and calls `element` to read each element.
    #[inline]
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.eat(b'[')?;
        if self.peek()? == b']' {
            return self.pass(1);
        }
        loop {
            element(self)?;
            let byte = self.peek()?;
            self.pass(1)?;
            match byte {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads a text without escapes.
    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        // Known to be UTF-8 as a whole; this is for the type.
        core::str::from_utf8(self.string_bytes()?).ok()
    }

    #[inline]
    fn string_bytes(&mut self) -> Option<&'a [u8]> {
        self.eat(b'"')?;
        let length = swar::up_to_quote(self.left)?;
        let text = self.left.get(..length)?;
        self.pass(length + 1)?;
        Some(text)
    }

    /// Reads a number, `true`, `false` or `null`, as its text.
    #[inline]
    pub fn bare(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.bare_bytes()?).ok()
    }

    /// Reads a text without escapes, or what [`bare`](Self::bare) reads.
    #[inline]
    pub fn scalar(&mut self) -> Option<&'a str> {
        if self.peek()? == b'"' { self.string() } else { self.bare() }
    }

    /// Reads a whole number without a sign.
    #[inline]
    pub fn whole(&mut self) -> Option<u64> {
        self.peek()?;
        self.short_whole().or_else(|| self.bare()?.parse().ok())
    }

    /// Reads a whole number, or the text of one.
    #[inline]
    pub fn integer(&mut self) -> Option<i64> {
        if self.peek()? != b'"'
            && let Some(value) = self.short_whole()
        {
            return value.try_into().ok();
        }
        self.scalar()?.parse().ok()
    }

    /// Reads a decimal from a number, or from the text of one.
    #[inline(always)] // so that the decimal is made where it is kept
    pub fn decimal(&mut self) -> Option<Decimal> {
        match self.short_decimal().some() {
            Some(value) => Some(value),
            None => parse_decimal(self.scalar()?).ok(),
        }
    }

    /// Reads a decimal, or its absence: `null`, `""`, or `"null"`, as some venues write it.
    #[inline(always)] // as above
    pub fn maybe_decimal(&mut self) -> Option<Option<Decimal>> {
        match self.short_decimal().some() {
            Some(value) => Some(Some(value)),
            None => self.unusual_decimal(),
        }
    }

    /// Reads a list of a book's levels, price and quantity, that holds one, or none.
    #[inline]
    pub fn only_level(&mut self) -> Option<Option<(Decimal, Decimal)>> {
        let level = self.begin_levels()?;
        if level.is_some() {
            self.eat(b']')?;
            self.eat(b']')?;
        }
        Some(level)
    }

    /// Reads the first of a list of a book's levels, price and quantity, or that there is none. What
    /// else a level holds and the levels behind the first are not looked at, as long as they are no
    /// texts.
    #[inline]
    pub fn first_level(&mut self) -> Option<Option<(Decimal, Decimal)>> {
        let level = self.begin_levels()?;
        if level.is_some() {
            matches!(self.peek()?, b',' | b']').then_some(())?;
            // Where there is no text, nothing but the end of the list looks like it.
            let length = swar::up_to_end_of_rows(self.left)?;
            self.pass(length + 2)?;
        }
        Some(level)
    }

    /// The first level as far as the quantity; of an empty list everything.
    #[inline]
    fn begin_levels(&mut self) -> Option<Option<(Decimal, Decimal)>> {
        self.eat(b'[')?;
        if self.peek()? == b']' {
            self.pass(1)?;
            return Some(None);
        }
        self.eat(b'[')?;
        let price = self.decimal()?;
        self.eat(b',')?;
        Some(Some((price, self.decimal()?)))
    }

    /// Passes over a value of any kind.
    #[inline]
    pub fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string_bytes().map(drop),
            b'{' | b'[' => self.skip_within(DEPTH_MAX),
            _ => self.bare_bytes().map(drop),
        }
    }

    /// Passes over a value of any kind, and returns its text.
    ///
    /// ```
    /// use hoox_connector::Cursor;
    ///
    /// let body = b"{\"result\": [1, 2] }";
    /// let mut cursor = Cursor::new(body).expect("one line");
    /// let mut result = None;
    /// cursor.object(|cursor, _| {
    ///     let text = cursor.raw()?;
    ///     let end = body.len() - cursor.left();
    ///     result = Some(end - text.len()..end);
    ///     Some(())
    /// });
    /// assert_eq!(&body[result.expect("a member")], b"[1, 2]");
    /// ```
    #[inline]
    pub fn raw(&mut self) -> Option<&'a [u8]> {
        self.peek()?;
        let from = self.left;
        self.skip()?;
        from.get(..from.len() - self.left.len())
    }

    /// How many bytes are left.
    #[inline]
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// Whether nothing but space is left.
    #[inline]
    pub fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    fn skip_within(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.object(|cursor, _| cursor.skip_within(depth))
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.array(|cursor| cursor.skip_within(depth))
            }
            _ => self.skip(),
        }
    }

    /// At the end, or with space between.
    fn unusual_separator(&mut self) -> Option<()> {
        match self.peek()? {
            b',' => {
                self.pass(1)?;
                (self.peek()? == b'"').then_some(())
            }
            b'}' => Some(()),
            _ => None,
        }
    }

    #[inline]
    fn bare_bytes(&mut self) -> Option<&'a [u8]> {
        self.peek()?;
        // Most are whole numbers.
        let minus = usize::from(self.left.starts_with(b"-"));
        let (_, digits) = swar::digits(self.left.get(minus..)?);
        let length = match digits > 0 && ends_bare(self.left, minus + digits) {
            true => minus + digits,
            false => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ');
                let length = self.left.iter().position(ends).unwrap_or(self.left.len());
                let text = self.left.get(..length)?;
                if !matches!(text, b"true" | b"false" | b"null") && !is_number(text) {
                    return None;
                }
                length
            }
        };
        let text = self.left.get(..length)?;
        self.pass(length)?;
        Some(text)
    }

    /// A whole number as nearly all are; where it is not one, nothing is consumed.
    #[inline]
    fn short_whole(&mut self) -> Option<u64> {
        let (value, length) = swar::digits(self.left);
        if !(1..=swar::DIGITS_MAX).contains(&length) || !ends_bare(self.left, length) {
            return None;
        }
        self.pass(length)?;
        Some(value)
    }

    fn unusual_decimal(&mut self) -> Option<Option<Decimal>> {
        match self.scalar()? {
            "" | "null" => Some(None),
            text => parse_decimal(text).ok().map(Some),
        }
    }

    /// A decimal as nearly all are; where it is not one, nothing but space is consumed.
    fn short_decimal(&mut self) -> Parts {
        let quoted = self.peek() == Some(b'"');
        let Some(inner) = self.left.get(usize::from(quoted)..) else { return Parts::NONE };
        let Some((parts, length)) = decimal::leading(inner) else { return Parts::NONE };
        match inner.get(length..) {
            Some([b'"', behind @ ..]) if quoted => self.left = behind,
            Some(behind) if !quoted && ends_bare(inner, length) => self.left = behind,
            _ => return Parts::NONE,
        }
        parts
    }

    /// The next byte that is not space, which is not consumed.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        while let [b' ', behind @ ..] = self.left {
            self.left = behind;
        }
        self.left.first().copied()
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.pass(1)
    }

    #[inline]
    fn pass(&mut self, length: usize) -> Option<()> {
        self.left = self.left.get(length..)?;
        Some(())
    }
}

/// What is kept of an object's members, read by their names.
///
/// ```
/// use hoox_connector::{Cursor, Members};
///
/// #[derive(Default)]
/// struct Sum {
///     a: Option<u64>,
///     b: Option<u64>,
/// }
///
/// impl<'a> Members<'a> for Sum {
///     fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
///         match name {
///             "a" => Cursor::keep(&mut self.a, cursor.whole()?),
///             "b" => Cursor::keep(&mut self.b, cursor.whole()?),
///             _ => cursor.skip(),
///         }
///     }
/// }
///
/// fn sum(body: &[u8]) -> Option<u64> {
///     let (mut cursor, mut it) = (Cursor::new(body)?, Sum::default());
///     cursor.open()?;
///     it.expect(&mut cursor, "a")?;
///     it.expect(&mut cursor, "b")?;
///     it.rest(&mut cursor)?;
///     it.a?.checked_add(it.b?)
/// }
///
/// assert_eq!(sum(br#"{"a":1,"b":2}"#), Some(3));
/// assert_eq!(sum(br#"{"c":[],"b":2,"a":1}"#), Some(3));
/// assert_eq!(sum(br#"{"a":1,"b":2,"a":1}"#), None);
/// ```
pub trait Members<'a> {
    /// Reads the value of the member `name`, and keeps it or not. Inline it always, so that with a
    /// constant name it comes down to one arm.
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()>;

    /// Reads a member if it comes next.
    #[inline(always)] // the name is a constant
    fn expect(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        if cursor.next_is(name) {
            self.member(cursor, name)?;
            cursor.separator()?;
        }
        Some(())
    }

    /// Reads the members that are left, and the end of the object.
    #[inline]
    fn rest(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.rest(|cursor, name| self.member(cursor, name))
    }
}

/// What [`Cursor::new`] takes that is not all printable ASCII.
#[cold]
fn is_usual(body: &[u8]) -> bool {
    let unusual = |byte: &u8| *byte < b' ' || *byte == b'\\';
    !body.iter().any(unusual) && core::str::from_utf8(body).is_ok()
}

/// Whether a number of JSON's own ends after `length` bytes. It begins with no zero to spare.
#[inline]
fn ends_bare(bytes: &[u8], length: usize) -> bool {
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    matches!(bytes.get(length), Some(b',' | b'}' | b']' | b' '))
        && !matches!(unsigned, [b'0', b'0'..=b'9', ..])
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

    #[test]
    fn members_are_read_in_any_order_and_once() {
        let read = |text: &str| {
            let (mut cursor, mut a, mut b) = (Cursor::new(text.as_bytes())?, None, None);
            cursor.open()?;
            if cursor.next_is("a") {
                a = Some(cursor.whole()?);
                cursor.separator()?;
            }
            if cursor.next_is("b") {
                b = Some(cursor.whole()?);
                cursor.separator()?;
            }
            cursor.rest(|cursor, name| match name {
                "a" => Cursor::keep(&mut a, cursor.whole()?),
                "b" => Cursor::keep(&mut b, cursor.whole()?),
                _ => cursor.skip(),
            })?;
            cursor.end()?;
            Some((a, b))
        };
        for text in [
            r#"{"a":1,"b":2}"#,
            r#"{"b":2,"a":1}"#,
            r#"{"c":{},"a":1,"b":2,"d":"b"}"#,
            r#" { "a" : 1 , "b" : 2 } "#,
            r#"{"a": 1, "ab":3, "b": 2}"#,
        ] {
            assert_eq!(read(text), Some((Some(1), Some(2))), "{text}");
        }
        assert_eq!(read("{}"), Some((None, None)));
        for text in [
            r#"{"a":1,"b":2,"a":1}"#,
            r#"{"b":2,"b":2}"#,
            r#"{"a":1,}"#,
            r#"{"a":1,"b":2,}"#,
            r#"{,"a":1}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":1;"b":2}"#,
            r#"{"a":1"#,
            r#"{"a":}"#,
            r#"{"a"#,
            r#"{"a":1}}"#,
            r#"{"a":01}"#,
            r#"{"a":"1"}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_from_numbers_and_texts() {
        let list = |text| Cursor { left: text };
        let decimal = |text: &'static str| {
            let mut cursor = list(text.as_bytes());
            let value = cursor.decimal()?;
            (cursor.left == b"," || cursor.left == b" ]").then(|| value.to_string())
        };
        for (text, value) in [
            ("0.10,", "0.10"),
            ("\"0.10\",", "0.10"),
            (" -3.5 ]", "-3.5"),
            ("\"-3.5\" ]", "-3.5"),
            ("1e3,", "1000"),
            ("\"3.4103e-06\",", "0.0000034103"),
            ("\"12345678.87654321\",", "12345678.87654321"),
            ("\"1234567890123456789.5\",", "1234567890123456789.5"),
            ("\"007\",", "7"),
        ] {
            assert_eq!(decimal(text).as_deref(), Some(value), "{text}");
        }
        for text in ["007,", "-00,", "1.,", ".5,", "\"1,\",", "\"\",", "null,", "true,", "\"1", "1"]
        {
            assert_eq!(decimal(text), None, "{text}");
        }
        let maybe = |text: &'static str| list(text.as_bytes()).maybe_decimal();
        for text in ["null,", "\"\",", "\"null\","] {
            assert_eq!(maybe(text), Some(None), "{text}");
        }
        assert_eq!(maybe("\"1.5\","), Some(Some(Decimal::new(15, 1))));
        assert_eq!((maybe("\"x\","), maybe("false,")), (None, None));
        let integer = |text: &'static str| list(text.as_bytes()).integer();
        for (text, value) in [
            ("0,", Some(0)),
            ("-7,", Some(-7)),
            ("\"-7\",", Some(-7)),
            ("9223372036854775807}", Some(i64::MAX)),
            ("9223372036854775808}", None),
            ("1.0,", None),
            ("1e3,", None),
            ("01,", None),
        ] {
            assert_eq!(integer(text), value, "{text}");
        }
        let whole = |text: &'static str| list(text.as_bytes()).whole();
        assert_eq!(whole("18446744073709551615,"), Some(u64::MAX));
        assert_eq!(
            (whole("18446744073709551616,"), whole("-1,"), whole("\"1\",")),
            (None, None, None)
        );
    }

    #[test]
    fn the_first_level_of_a_list_is_read() {
        let first = |text: &'static str| {
            let mut cursor = Cursor { left: text.as_bytes() };
            let level = cursor.first_level()?;
            (cursor.left == b",").then_some(level)
        };
        let level = Some((Decimal::new(15, 1), Decimal::from(2)));
        let only = |text: &'static str| {
            let mut cursor = Cursor { left: text.as_bytes() };
            let level = cursor.only_level()?;
            (cursor.left == b",").then_some(level)
        };
        for text in ["[[1.5,2]],", "[[\"1.5\",\"2\"]],", " [ [ 1.5 , 2 ]],"] {
            assert_eq!((first(text), only(text)), (Some(level), Some(level)), "{text}");
        }
        for text in ["[[1.5,2,7],[1.6,3,9]],", " [ [ 1.5 , 2 ],[1,1]],"] {
            assert_eq!((first(text), only(text)), (Some(level), None), "{text}");
        }
        assert_eq!((first("[],"), only("[],")), (Some(None), Some(None)));
        assert_eq!((first("[[1.5,2] ],"), only("[[1.5,2] ],")), (None, Some(level)));
        for text in [
            "",
            "[",
            "[[1.5]],",
            "[[1.5,2],",
            "[1.5,2],",
            "[[1.5,2}],",
            "[[x,2]],",
            "[[1.5,2,\"]],",
            "[[1.5,2],[\"1\",2]],",
        ] {
            assert_eq!((first(text), only(text)), (None, None), "{text}");
        }
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
