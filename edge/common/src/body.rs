use js_sys::{Promise, Uint8Array};
use serde::de::DeserializeOwned;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Response, ResponseBody, Result, web_sys};

/// The longest answer of another worker or object that is read.
const ANSWER_MAX: usize = 1024 * 1024;

/// The body of a response, in one piece; `None` if it is longer than `max` bytes.
///
/// `Response::bytes` would read it chunk by chunk, which costs three promises and more.
///
/// # Errors
/// If it breaks off.
pub async fn body_of(response: &Response, max: usize) -> Result<Option<Vec<u8>>> {
    match response.body() {
        ResponseBody::Empty => Ok(Some(Vec::new())),
        ResponseBody::Body(bytes) => Ok((bytes.len() <= max).then(|| bytes.clone())),
        ResponseBody::Stream(stream) => {
            let whole = web_sys::Response::new_with_opt_readable_stream(Some(stream))?;
            up_to(max, whole.array_buffer()?).await
        }
    }
}

/// What another worker or object answers, as JSON.
///
/// # Errors
/// If it breaks off, is too long, or is no `T`.
pub async fn json_of<T: DeserializeOwned>(response: &Response) -> Result<T> {
    let body = body_of(response, ANSWER_MAX).await?.ok_or("the answer is too long")?;
    Ok(serde_json::from_slice(&body)?)
}

/// The bytes of an array buffer to come; they are looked at only if they are not too many.
pub(crate) async fn up_to(max: usize, buffer: Promise) -> Result<Option<Vec<u8>>> {
    let bytes = Uint8Array::new(&JsFuture::from(buffer).await?);
    let fits = usize::try_from(bytes.length()).is_ok_and(|length| length <= max);
    Ok(fits.then(|| bytes.to_vec()))
}
