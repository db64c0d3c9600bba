//! Request signing for exchange APIs.
//!
//! In scope: keys whose expensive part is computed once ([`HmacKey`], [`Ed25519Key`], [`RsaKey`]),
//! secrets that are wiped and never printed ([`Secret`]), and the buffer a request is built and
//! signed in ([`RequestBuf`]). Out of scope: I/O, clocks, and anything a venue decides. This crate
//! knows "these bytes, in this order", and no more.
//!
//! ```
//! use hoox_signer::{Credentials, Encoding, HmacKey, Method, RequestBuf};
//!
//! // The official example of the Binance USD-M documentation, "General Info".
//! let key = HmacKey::new(b"2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9");
//! let mut buf = RequestBuf::new();
//! buf.begin(Method::Post);
//! let path = buf.push("/fapi/v1/order");
//! let start = buf.position();
//! buf.push("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC");
//! buf.push("&recvWindow=5000&timestamp=1591702613943");
//! let payload = buf.since(start);
//! buf.push("&signature=");
//! buf.sign(&key.into(), payload, Encoding::Plain);
//! let query = buf.since(start);
//! buf.set_path(path);
//! buf.set_query(query);
//!
//! let request = buf.request();
//! assert_eq!(
//!     request.signature(),
//!     "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
//! );
//! assert!(request.query().ends_with(request.signature()));
//! ```

mod buffer;
#[cfg(feature = "ed25519")]
mod ed25519;
mod hmac;
mod key;
#[cfg(feature = "rsa")]
mod rsa;
mod secret;

pub use buffer::{Method, Position, Request, RequestBuf, Span};
#[cfg(feature = "ed25519")]
pub use ed25519::Ed25519Key;
pub use hmac::{HmacKey, HmacState};
pub use key::{Credentials, Encoding, KeyError, Signature, SigningKey};
#[cfg(feature = "rsa")]
pub use rsa::RsaKey;
pub use secret::Secret;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
