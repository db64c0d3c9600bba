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
    if is_plain(text) {
        out.push_str(text);
    } else {
        out.extend(utf8_percent_encode(text, RESERVED));
    }
}

/// The bytes that stay as they are.
#[allow(clippy::indexing_slicing)] // evaluated by the compiler
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        plain[byte] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
        byte += 1;
    }
    plain
};

#[inline]
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| PLAIN.get(usize::from(byte)) == Some(&true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_unreserved_characters_stay() {
        for code in 0..=127_u8 {
            let text = char::from(code).to_string();
            let mut out = String::new();
            write_encoded(&mut out, &text);
            let unreserved = code.is_ascii_alphanumeric() || b"-_.~".contains(&code);
            let expected = if unreserved { text } else { format!("%{code:02X}") };
            assert_eq!(out, expected);
        }
    }
}
