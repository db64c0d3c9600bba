//! The one-pass JSON reader of the order path: what it takes is JSON, and it reads what is there.

#![no_main]

use std::collections::BTreeMap;

use hoox_connector::Cursor;
use hoox_fuzz::input::is_json;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

fuzz_target!(|data: &[u8]| {
    let Some(mut cursor) = Cursor::new(data) else { return };
    if cursor.skip().is_some() && cursor.end().is_some() {
        assert!(is_json(data), "not JSON, yet it was passed over");
    }
    let Some(mut cursor) = Cursor::new(data) else { return };
    let mut members = BTreeMap::new();
    let read = cursor.object(|cursor, name| {
        let start = cursor.clone();
        let text = cursor.scalar();
        if text.is_none() {
            *cursor = start;
            cursor.skip()?;
        }
        // Of members with one name, the last is kept, here and there.
        members.insert(name.to_owned(), text);
        Some(())
    });
    if read.is_none() || cursor.end().is_none() {
        return;
    }
    let general: BTreeMap<String, &RawValue> = match serde_json::from_slice(data) {
        Ok(general) => general,
        Err(error) => panic!("an object was read, but {error}"),
    };
    assert!(members.keys().eq(general.keys()));
    for ((name, text), value) in members.iter().zip(general.values()) {
        let value = value.get();
        match text {
            Some(text) => assert_eq!(value.trim_matches('"'), *text, "{name}"),
            None => assert!(value.starts_with(['{', '[']), "{name} was not read: {value}"),
        }
    }
});
