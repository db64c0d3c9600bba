//! What is handed to other workers: Telegram's updates (gateway.md §11), and the agent's routes.

use hoox_edge::{InternalKey, fail, internal_request, json, path, read_body, secret};
use hoox_router::{ErrorCode, Failure, Passkey, RequestId};
use worker::{Env, Request, Response, Result};

/// The longest update that is read: Telegram's are a few kilobytes.
const BODY_MAX: usize = 256 * 1024;

/// The header Telegram sends its secret in.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// Hands an authentic update on, unchanged, and says so to Telegram whatever becomes of it: what is
/// not answered with success is sent again.
pub(crate) async fn telegram(mut request: Request, env: &Env, id: RequestId) -> Result<Response> {
    let names = ["TELEGRAM_WEBHOOK_SECRET", "TELEGRAM_SECRET_TOKEN"];
    let known = names.iter().find_map(|name| secret(env, name));
    let known = known.and_then(|known| Passkey::from_config(known.expose()));
    let presented = request.headers().get(SECRET_HEADER)?;
    let authentic = known.zip(presented).and_then(|(known, given)| known.verify(&given));
    if authentic.is_none() {
        return fail(id, &Failure::new(ErrorCode::Unauthorized, "The secret token is wrong."));
    }
    let body = match read_body(&mut request, BODY_MAX).await {
        Ok(body) => body,
        Err(failure) => return fail(id, &failure),
    };
    if let Ok(telegram) = env.service("TELEGRAM_SERVICE")
        && let Ok(text) = core::str::from_utf8(&body)
    {
        let url = "https://telegram/telegram-webhook";
        let forwarded = internal_request(env, url, id, &[], text)?;
        let _ = telegram.fetch_request(forwarded).await;
    }
    json(id, 200, &serde_json::json!({ "success": true, "requestId": id }))
}

/// Hands a request to the agent, for whoever has the operator's key.
pub(crate) async fn agent(mut request: Request, env: &Env, id: RequestId) -> Result<Response> {
    if !bearer(&request, env)?
        && !InternalKey::from_env(env, &["INTERNAL_KEY_BINDING"]).admits(&request)
    {
        return fail(id, &Failure::new(ErrorCode::Unauthorized, "The key is missing or wrong."));
    }
    let missing = || Failure::new(ErrorCode::BadGateway, "The agent cannot be reached.");
    let Ok(agent) = env.service("AGENT_SERVICE") else { return fail(id, &missing()) };
    let url = format!("https://agent{}", path(&request));
    let answer = match request.method() {
        worker::Method::Get => {
            let asked = Request::new(&url, worker::Method::Get)?;
            for (name, value) in internal_request(env, &url, id, &[], "")?.headers().entries() {
                asked.headers().set(&name, &value)?;
            }
            agent.fetch_request(asked).await
        }
        _ => {
            let body = match read_body(&mut request, BODY_MAX).await {
                Ok(body) => body,
                Err(failure) => return fail(id, &failure),
            };
            let text = String::from_utf8_lossy(&body);
            agent.fetch_request(internal_request(env, &url, id, &[], &text)?).await
        }
    };
    match answer {
        Ok(response) if response.status_code() < 500 => Ok(response),
        _ => fail(id, &missing()),
    }
}

fn bearer(request: &Request, env: &Env) -> Result<bool> {
    let known = secret(env, "OPERATOR_API_KEY").and_then(|it| Passkey::from_config(it.expose()));
    let presented = request.headers().get("authorization")?;
    let presented = presented.as_deref().and_then(|it| it.strip_prefix("Bearer "));
    Ok(known.zip(presented).and_then(|(known, given)| known.verify(given)).is_some())
}
