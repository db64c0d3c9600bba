//! Which field a reader stumbled over, found from where it stopped.
//!
//! Readers that note the path as they go are a second copy of every typed reader, for errors alone:
//! 600 KB of a worker. This one walks over the text once more, and knows no types.

use core::fmt::Write as _;

/// A container on the way to the field.
#[derive(Debug, Clone, Copy)]
enum Step<'t> {
    /// An object, and its last key.
    Object(Option<&'t [u8]>),
    /// An array, and the index of its last element; it may have none.
    Array(Option<usize>),
}

/// The path of what ends at `offset` of a text: `result.list[2].price`, or `.` for the whole.
///
/// A reader reports a value that it cannot use where the value ends, or where the container ends if it
/// was the last in there. `of_container` asks for the container instead: what is missing is missing
/// in it.
pub(super) fn path_at(text: &[u8], offset: usize, of_container: bool) -> String {
    let text = text.get(..offset).unwrap_or(text);
    // The reader has passed the comma behind it.
    let text = text.strip_suffix(b",").unwrap_or(text);
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut closed = None;
    let mut wants_key = false;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        if let (Some(Step::Array(index @ None)), false) =
            (steps.last_mut(), matches!(byte, b']' | b' ' | b'\t' | b'\r' | b'\n'))
        {
            *index = Some(0);
        }
        match byte {
            b'{' => {
                steps.push(Step::Object(None));
                wants_key = true;
            }
            b'[' => {
                steps.push(Step::Array(None));
                wants_key = false;
            }
            b'}' | b']' => {
                closed = steps.pop();
                wants_key = false;
                continue;
            }
            b',' => match steps.last_mut() {
                Some(Step::Array(Some(index))) => *index += 1,
                Some(Step::Object(_)) => wants_key = true,
                Some(Step::Array(None)) | None => {}
            },
            b'"' => {
                let inside = text.get(at..).unwrap_or_default();
                let len = string_len(inside);
                if let (true, Some(Step::Object(key))) = (wants_key, steps.last_mut()) {
                    *key = inside.get(..len);
                    wants_key = false;
                }
                at += len + 1;
            }
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => {}
        }
        closed = None;
    }
    if !of_container {
        steps.extend(closed);
    }
    written(&steps)
}

/// How many bytes of a string come before its closing quote.
fn string_len(inside: &[u8]) -> usize {
    let mut escaped = false;
    let end = inside.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(inside.len())
}

fn written(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Object(None) | Step::Array(None) => {}
            Step::Object(Some(key)) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&String::from_utf8_lossy(key));
            }
            Step::Array(Some(index)) => {
                let _ = write!(path, "[{index}]");
            }
        }
    }
    if path.is_empty() { ".".into() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn expect(text: &str, field: &str, container: &str) {
        let path = |of_container| path_at(text.as_bytes(), text.len(), of_container);
        assert_eq!((path(false).as_str(), path(true).as_str()), (field, container), "{text}");
    }

    #[test]
    fn the_path_leads_to_where_the_text_ends() {
        expect("", ".", ".");
        expect("12", ".", ".");
        expect(r#"{"a":1"#, "a", "a");
        expect(r#"{"a":{"b":[1,{"c":"x"#, "a.b[1].c", "a.b[1].c");
        expect(r#"{"a":{"b":[1,{"c":"x"}"#, "a.b[1].c", "a.b[1]");
        expect(r#"{"a":{"b":[1,{"c":"x"} "#, "a.b[1].c", "a.b[1]");
        expect(r#"[[],[1,2],{"k":"#, "[2].k", "[2].k");
        expect("[1,2]", "[1]", ".");
    }

    #[test]
    fn quotes_and_brackets_inside_strings_are_text() {
        expect(r#"{"a\"}[":"}]\\","b":"#, "b", "b");
        expect(r#"{"a\"}[":1"#, r#"a\"}["#, r#"a\"}["#);
        expect(r#"["}",1"#, "[1]", "[1]");
    }

    #[test]
    fn any_bytes_have_some_path() {
        for text in ["}}}}", "]]", "{{{{", "\"", "{\"", "{\"\\", ",,,,", ":::", "{,}"] {
            let path = path_at(text.as_bytes(), text.len(), false);
            assert!(!path.is_empty(), "{text}");
        }
        assert_eq!(path_at(b"{\"a\":1}", 400, false), "a", "beyond the end");
    }
}
