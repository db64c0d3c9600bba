use alloy_primitives::Address;
use thiserror::Error;

/// Why a text is no address, or an address no recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is not `0x` and 40 hexadecimal digits.
    #[error("an address is 0x and 40 hexadecimal digits")]
    Form,
    /// Its capitals are not those of EIP-55: a digit is wrong, or was swapped.
    #[error("the capitals of the address do not match its checksum; is a digit wrong?")]
    Checksum,
    /// It is the zero address, from which nothing returns.
    #[error("the zero address takes nothing")]
    Zero,
}

/// Reads an address. In mixed case it must carry its EIP-55 checksum; all lower or all upper case
/// carries none and passes.
///
/// # Errors
/// [`AddressError::Form`] and [`AddressError::Checksum`].
///
/// ```
/// use hoox_wallet::{AddressError, parse_address};
///
/// assert!(parse_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed").is_ok());
/// assert!(parse_address("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed").is_ok());
/// let swapped = parse_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAde");
/// assert_eq!(swapped, Err(AddressError::Checksum));
/// ```
pub fn parse_address(text: &str) -> Result<Address, AddressError> {
    let digits = text.strip_prefix("0x").ok_or(AddressError::Form)?;
    if digits.len() != 40 {
        return Err(AddressError::Form);
    }
    let address: Address = text.parse().map_err(|_| AddressError::Form)?;
    let lower = digits.bytes().any(|byte| byte.is_ascii_lowercase());
    let upper = digits.bytes().any(|byte| byte.is_ascii_uppercase());
    if lower && upper && address.to_checksum(None) != text {
        return Err(AddressError::Checksum);
    }
    Ok(address)
}

/// The address again, unless it is the zero address.
///
/// # Errors
/// [`AddressError::Zero`].
pub fn checked_recipient(address: Address) -> Result<Address, AddressError> {
    if address.is_zero() { Err(AddressError::Zero) } else { Ok(address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses of EIP-55.
    const EIP_55: &[&str] = &[
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn the_addresses_of_eip_55_read_and_write_alike() {
        for text in EIP_55 {
            assert_eq!(parse_address(text).unwrap().to_checksum(None), *text);
        }
    }

    #[test]
    fn one_letter_in_the_wrong_case_is_noticed() {
        for text in EIP_55.iter().skip(4) {
            for (at, letter) in text.char_indices().skip(2).filter(|(_, c)| c.is_alphabetic()) {
                let mut wrong = (*text).to_owned();
                let other = if letter.is_lowercase() {
                    letter.to_ascii_uppercase()
                } else {
                    letter.to_ascii_lowercase()
                };
                wrong.replace_range(at..=at, &other.to_string());
                assert_eq!(parse_address(&wrong), Err(AddressError::Checksum), "{wrong}");
            }
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "0x", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xéé", "vitalik.eth"]
        {
            assert_eq!(parse_address(text), Err(AddressError::Form), "{text}");
        }
        assert_eq!(parse_address(&format!("0x{}", "0".repeat(41))), Err(AddressError::Form));
        assert_eq!(parse_address(&format!("0X{}", "0".repeat(40))), Err(AddressError::Form));
        assert_eq!(parse_address(&format!("0x{}g", "0".repeat(39))), Err(AddressError::Form));
    }
}
