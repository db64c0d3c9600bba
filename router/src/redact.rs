//! Secrets taken out of texts that are kept (trade.md §10).

use std::borrow::Cow;

/// What stands where a secret stood.
pub(crate) const REDACTED: &str = "[redacted]";

/// Fields and parameters whose values are secrets, in whatever case (trade.md §10).
const SECRET_FIELDS: [&str; 17] = [
    "apikey",
    "apisecret",
    "api_key",
    "api_secret",
    "password",
    "passkey",
    "secret",
    "secretkey",
    "token",
    "authorization",
    "internalauthkey",
    "cookie",
    "signature",
    "sign",
    "listenkey",
    "accesskey",
    "privatekey",
];

/// The text without what is in `secrets` and without the values of secret fields, in JSON or in a
/// query, whole or cut off.
pub(crate) fn redact<'t>(text: &'t str, secrets: &[&str]) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    for secret in secrets {
        if text.contains(secret) {
            text = Cow::Owned(text.replace(secret, REDACTED));
        }
    }
    let Some(mut found) = next_secret(&text, 0) else { return text };
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    loop {
        let (start, end) = found;
        clean.push_str(text.get(from..start).unwrap_or_default());
        clean.push_str(REDACTED);
        from = end;
        match next_secret(&text, from) {
            Some(next) => found = next,
            None => break,
        }
    }
    clean.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(clean)
}

/// Where the value of the next secret field begins and ends, from `from` on.
fn next_secret(text: &str, from: usize) -> Option<(usize, usize)> {
    // A name begins the text, or follows one of these.
    if from == 0
        && let Some(found) = name_value(text)
    {
        return Some(found);
    }
    let before = |byte: &u8| matches!(byte, b'"' | b'=' | b'&' | b'?' | b',' | b'{' | b' ');
    let rest = text.as_bytes().get(from..)?;
    let names = rest.iter().enumerate().filter(|(_, byte)| before(byte));
    let mut names = names.map(|(at, _)| from + at + 1);
    names.find_map(|name| {
        let (start, end) = name_value(text.get(name..)?)?;
        Some((name + start, name + end))
    })
}

/// The value of the secret field that `text` begins with: `name":"…"`, `name":…` or `name=…`.
fn name_value(text: &str) -> Option<(usize, usize)> {
    // Most names begin otherwise, and this is asked at every word.
    if !matches!(text.as_bytes().first()? | 0x20, b'a' | b'c' | b'i' | b'l' | b'p' | b's' | b't') {
        return None;
    }
    let begins =
        |name: &str| text.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
    let name = SECRET_FIELDS.iter().filter(|name| begins(name));
    // The longest: `secretkey` before `secret`.
    let name = name.max_by_key(|name| name.len())?;
    let mut at = name.len();
    let skip = |at: &mut usize, allowed: &[char]| {
        let rest = text.get(*at..).unwrap_or_default();
        *at += rest.len() - rest.trim_start_matches(allowed).len();
    };
    skip(&mut at, &['\\', '"']);
    skip(&mut at, &[' ']);
    let separator = text.get(at..)?.chars().next()?;
    if separator != ':' && separator != '=' {
        return None;
    }
    at += 1;
    skip(&mut at, &[' ']);
    let value = text.get(at..)?;
    match value.starts_with('"') {
        true => {
            let mut escaped = false;
            let end = value.char_indices().skip(1).find(|(_, it)| {
                let ends = *it == '"' && !escaped;
                escaped = *it == '\\' && !escaped;
                ends
            });
            Some((at + 1, at + end.map_or(value.len(), |(end, _)| end)))
        }
        false => {
            skip(&mut at, &['\\', '"']);
            let value = text.get(at..)?;
            let end = value.find(['&', ',', '}', ']', '"', '\\', ' ', '\n']);
            Some((at, at + end.unwrap_or(value.len())))
        }
    }
}

/// The longest beginning of a text with at most so many bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_go_wherever_they_stand() {
        for (text, clean) in [
            ("symbol=X&signature=abc&timestamp=1", "symbol=X&signature=[redacted]&timestamp=1"),
            ("apiKey=k", "apiKey=[redacted]"),
            (r#"{"listenKey":"pq\"r","ok":1}"#, r#"{"listenKey":"[redacted]","ok":1}"#),
            (
                r#"{"SecretKey" : "x","secret":12,"a":2}"#,
                r#"{"SecretKey" : "[redacted]","secret":[redacted],"a":2}"#,
            ),
            (r#"{"token":"cut o"#, r#"{"token":"[redacted]"#),
            (
                r#"{"assign":"left","signal":1,"designature":2}"#,
                r#"{"assign":"left","signal":1,"designature":2}"#,
            ),
            (r#""{\"apiKey\":\"k1\"}""#, r#""{\"apiKey\":\"[redacted]\"}""#),
            ("an echo of literal-key here", "an echo of [redacted] here"),
            ("", ""),
        ] {
            assert_eq!(redact(text, &["literal-key"]), clean);
        }
    }

    proptest! {
        #[test]
        fn no_value_of_a_secret_field_is_left_and_nothing_breaks(
            name in prop::sample::select(&SECRET_FIELDS[..]),
            secret in "[A-Za-z0-9+/]{12,40}",
            before in "[a-z0-9=&]{0,12}",
            keep in 0usize..200,
        ) {
            for text in [
                format!("{before}&{name}={secret}&z=1"),
                format!(r#"{{"b":"{before}","{name}":"{secret}"}}"#),
                format!(r#"{{"{name}": "{secret}", "z": 1}}"#),
            ] {
                let clean = redact(cut(&text, keep.max(8)), &[]);
                prop_assert!(!clean.contains(&secret[..8]) || keep < 30, "{}", clean);
                prop_assert!(!redact(&text, &[]).contains(&secret));
            }
        }

        #[test]
        fn any_text_survives(text in ".{0,80}", max in 0usize..90) {
            let _ = redact(cut(&text, max), &["secret-x"]);
        }
    }
}
