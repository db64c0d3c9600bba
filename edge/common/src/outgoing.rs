use worker::wasm_bindgen::JsValue;
use worker::{AbortSignal, Headers, Result, web_sys};

/// A request to fetch. No redirect is followed; `signal` gives it up.
///
/// Not by the crate's own `RequestInit`, which brings all that Cloudflare's caches and image resizing can
/// be told into the bundle.
///
/// # Errors
/// If `url` is none, or there is a body where there can be none.
pub fn outgoing(
    url: &str,
    method: &str,
    headers: &Headers,
    body: &str,
    signal: Option<&AbortSignal>,
) -> Result<web_sys::Request> {
    let init = web_sys::RequestInit::new();
    init.set_method(method);
    init.set_headers(headers.as_ref());
    init.set_redirect(web_sys::RequestRedirect::Manual);
    if !body.is_empty() {
        init.set_body(&JsValue::from_str(body));
    }
    init.set_signal(signal.map(|signal| &**signal));
    Ok(web_sys::Request::new_with_str_and_init(url, &init)?)
}
