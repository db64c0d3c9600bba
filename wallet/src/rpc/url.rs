use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// Why a URL is not used for a node. The text never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is no URL with scheme and host.
    #[error("it is no URL")]
    Form,
    /// It is neither https, nor http to this machine.
    #[error("it must be https, or http to this machine")]
    Insecure,
    /// Its host is a cloud's metadata service or an internal name.
    #[error("its host is internal")]
    Internal,
    /// It names a user or a password.
    #[error("it names a user; keys go into the path or the query")]
    User,
}

/// The URL of a node, which often holds a key: shown as its scheme and host alone.
#[derive(Clone)]
pub struct RpcUrl {
    url: Zeroizing<String>,
    host: String,
}

impl RpcUrl {
    /// Reads a URL: https, or http to `localhost`, `127.0.0.1` or `[::1]`.
    ///
    /// # Errors
    /// [`UrlError`].
    ///
    /// ```
    /// use hoox_wallet::{RpcUrl, UrlError};
    ///
    /// let url = RpcUrl::parse("https://mainnet.example/v3/secret")?;
    /// assert_eq!(format!("{url:?}"), "https://mainnet.example/…");
    /// let error = RpcUrl::parse("http://mainnet.example").unwrap_err();
    /// assert_eq!(error, UrlError::Insecure);
    /// # Ok::<(), UrlError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let uri: http::Uri = text.parse().map_err(|_| UrlError::Form)?;
        let authority = uri.authority().ok_or(UrlError::Form)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::User);
        }
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let is_local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_local => {}
            _ => return Err(UrlError::Insecure),
        }
        if host.is_empty() {
            return Err(UrlError::Form);
        }
        if host == "169.254.169.254" || host == "internal" || host.ends_with(".internal") {
            return Err(UrlError::Internal);
        }
        let host = format!("{}://{authority}", uri.scheme_str().unwrap_or_default());
        Ok(Self { url: Zeroizing::new(text.to_owned()), host })
    }

    pub(crate) fn expose(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_urls_are_refused() {
        for (text, error) in [
            ("", UrlError::Form),
            ("/rpc", UrlError::Form),
            ("mainnet.example", UrlError::Insecure),
            ("http://mainnet.example/", UrlError::Insecure),
            ("http://localhost.example/", UrlError::Insecure),
            ("ftp://mainnet.example/", UrlError::Insecure),
            ("https://user:key@mainnet.example/", UrlError::User),
            ("https://169.254.169.254/latest", UrlError::Internal),
            ("https://metadata.google.internal/", UrlError::Internal),
            ("https://METADATA.google.INTERNAL./", UrlError::Internal),
        ] {
            assert_eq!(RpcUrl::parse(text).unwrap_err(), error, "{text}");
        }
        for text in ["http://localhost:8545", "http://127.0.0.1:1/x", "http://[::1]:8545"] {
            assert!(RpcUrl::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn no_text_shows_the_key_in_the_path() {
        let url = RpcUrl::parse("https://node.example:8443/v3/secret?token=hidden").unwrap();
        assert_eq!(format!("{url:?}"), "https://node.example:8443/…");
    }
}
