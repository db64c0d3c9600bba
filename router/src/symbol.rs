use hoox_connector::Symbol;
use thiserror::Error;

/// The longest symbol before normalisation, in characters, prefix and suffix not counted.
const RAW_MAX: usize = 20;

/// Why a text is no symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SymbolError {
    /// Empty, or longer than 20 characters.
    #[error("Must be 1 to 20 characters.")]
    Length,
    /// Something besides letters, digits and the separators `-`, `_`, `/`, or too little is left.
    #[error("Must be 2 to 20 letters and digits, with no separators but - _ /.")]
    Characters,
}

/// Brings a symbol to its neutral spelling: upper case, without separators (gateway.md §3).
///
/// A leading `EXCHANGE:` and a trailing `.P`, as TradingView writes them, are dropped first. Anything
/// else is refused rather than guessed at.
///
/// ```
/// use hoox_router::normalize_symbol;
///
/// for text in ["BTC-USDT", "btc/usdt", "BTC_USDT", "BYBIT:BTCUSDT.P"] {
///     assert_eq!(normalize_symbol(text)?.as_str(), "BTCUSDT");
/// }
/// # Ok::<(), hoox_router::SymbolError>(())
/// ```
///
/// # Errors
/// [`SymbolError`].
pub fn normalize_symbol(text: &str) -> Result<Symbol, SymbolError> {
    let text = strip_exchange(text)?;
    let text = text.strip_suffix(".P").or_else(|| text.strip_suffix(".p")).unwrap_or(text);
    if text.is_empty() || text.len() > RAW_MAX {
        return Err(SymbolError::Length);
    }
    let mut neutral = arrayvec::ArrayString::<RAW_MAX>::new();
    for character in text.chars() {
        match character {
            '-' | '_' | '/' => {}
            'a'..='z' | 'A'..='Z' | '0'..='9' => neutral.push(character.to_ascii_uppercase()),
            _ => return Err(SymbolError::Characters),
        }
    }
    if neutral.len() < 2 {
        return Err(SymbolError::Characters);
    }
    Symbol::new(&neutral).map_err(|_| SymbolError::Characters)
}

fn strip_exchange(text: &str) -> Result<&str, SymbolError> {
    let Some((exchange, symbol)) = text.split_once(':') else { return Ok(text) };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if exchange.is_empty() || exchange.len() > RAW_MAX || !exchange.bytes().all(allowed) {
        return Err(SymbolError::Characters);
    }
    Ok(symbol)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_symbol_meet() {
        for text in
            ["BTC-USDT", "BTC_USDT", "btc/usdt", "BTCUSDT", "binance:btcusdt.p", "BTCUSDT.P"]
        {
            assert_eq!(normalize_symbol(text).unwrap().as_str(), "BTCUSDT", "{text}");
        }
        assert_eq!(normalize_symbol("BINANCE:1000PEPEUSDT.P").unwrap().as_str(), "1000PEPEUSDT");
    }

    #[test]
    fn anything_else_is_refused_rather_than_guessed_at() {
        for text in [
            "",
            " ",
            "BTC USDT",
            " BTCUSDT",
            "BTCUSDT ",
            "BTC.USDT",
            "..",
            "../BTC",
            "BTC\nUSDT",
            "B",
            "---",
            "BTCUSDT.P.P",
            "A:B:C",
            ":BTCUSDT",
            "BYBIT:",
            "BTCÜSDT",
            "ＢＴＣ",
            "BTC\0",
            "BTCUSDT&x=1",
            "AAAAAAAAAAAAAAAAAAAAA",
            "A-A-A-A-A-A-A-A-A-A-A",
        ] {
            assert!(normalize_symbol(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_neutral_and_stays_so(text in ".{0,40}") {
            if let Ok(symbol) = normalize_symbol(&text) {
                let neutral = symbol.as_str();
                prop_assert!((2..=20).contains(&neutral.len()));
                prop_assert!(neutral.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
                prop_assert_eq!(normalize_symbol(neutral), Ok(symbol));
            }
        }

        #[test]
        fn separators_and_case_do_not_matter(
            base in "[A-Z0-9]{2,8}", quote in "[A-Z]{3,4}", separator in "[-_/]?", lower: bool,
        ) {
            let mut text = format!("{base}{separator}{quote}");
            if lower {
                text.make_ascii_lowercase();
            }
            let symbol = normalize_symbol(&text).unwrap();
            prop_assert_eq!(symbol.as_str(), format!("{base}{quote}"));
        }
    }
}
