use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Appends `text` as a query or form value: everything but letters, digits and `-_.~` becomes `%XX`
/// of its UTF-8 bytes, upper-case, so that no value can add a parameter.
///
/// ```
/// let mut out = String::new();
/// hoox_connector::write_encoded(&mut out, "１&b=2");
/// assert_eq!(out, "%EF%BC%91%26b%3D2");
/// ```
#[inline]
pub fn write_encoded(out: &mut String, text: &str) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    if text.bytes().all(plain) {
        out.push_str(text);
    } else {
        out.extend(utf8_percent_encode(text, RESERVED));
    }
}
