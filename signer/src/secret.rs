use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A text nobody may read by accident: wiped when dropped, redacted in `Debug`, compared in constant
/// time, and without `Display`.
///
/// ```
/// use hoox_signer::Secret;
///
/// let passkey = Secret::from("correct horse");
/// assert_eq!(format!("{passkey:?}"), "Secret([redacted])");
/// assert!(passkey == Secret::from("correct horse"));
/// assert_eq!(passkey.expose(), "correct horse");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<str>>);

impl Secret {
    /// The text itself; the call marks each place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text.into_boxed_str()))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}
