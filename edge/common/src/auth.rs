use hoox_router::{Passkey, RequestId};
use worker::{Env, Headers, Request, Result};

use crate::{REQUEST_ID_HEADER, config, outgoing};

/// The header that internal calls carry the key in (spec README §3).
pub const INTERNAL_KEY_HEADER: &str = "x-internal-auth-key";

/// The key of calls between workers, `INTERNAL_KEY_BINDING` (spec README §5).
///
/// Fails closed: without a configured key nobody is let in.
#[derive(Debug, Clone)]
pub struct InternalKey(Option<Passkey>);

impl InternalKey {
    /// Reads the secret; the first of `names` that is configured counts.
    pub fn from_env(env: &Env, names: &[&str]) -> Self {
        let key = config::secrets(env, names);
        Self(key.first().and_then(|key| Passkey::from_config(key.expose())))
    }

    /// Whether a request carries the key; compares digests in constant time.
    pub fn admits(&self, request: &Request) -> bool {
        let presented = request.headers().get(INTERNAL_KEY_HEADER).ok().flatten();
        let known = self.0.as_ref().zip(presented);
        known.is_some_and(|(key, presented)| key.verify(&presented).is_some())
    }
}

/// A request to another worker: with the key, the request's id, and `body` as JSON.
///
/// # Errors
/// If the key is not configured, or is no header value.
pub fn internal_request(
    env: &Env,
    url: &str,
    request_id: RequestId,
    extra: &[(&str, &str)],
    body: &str,
) -> Result<Request> {
    let headers = Headers::new();
    headers.set("content-type", "application/json")?;
    headers.set(INTERNAL_KEY_HEADER, &env.secret("INTERNAL_KEY_BINDING")?.to_string())?;
    headers.set(REQUEST_ID_HEADER, request_id.as_str())?;
    for (name, value) in extra {
        headers.set(name, value)?;
    }
    outgoing(url, "POST", &headers, body, None).map(Request::from)
}
