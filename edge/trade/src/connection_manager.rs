//! The Durable Object that keeps the order-entry WebSocket of one account open (trade.md §15).
#![allow(missing_docs)] // what the macro generates has none

mod link;

use core::time::Duration;
use std::rc::Rc;

use hoox_connector::Venue;
use hoox_edge::{fail, keep_object, path, read_internal_body, request_id, snapshot};
use hoox_router::{ErrorCode, Failure};
use worker::{
    DurableObject, Env, Request, Response, ResponseBuilder, Result, State, durable_object,
    wasm_bindgen,
};

use crate::accounts::shared_client;
use link::{Link, Sent};

/// How often the object is woken, so that it stays, and its socket with it.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The longest frame of an order.
const FRAME_MAX: usize = 64 * 1024;

/// Under which name the object keeps whose socket it is, for when it is woken by nobody.
const ACCOUNT: &str = "account";

/// The object of one account: frames of orders go in, their answers come out.
#[durable_object]
#[derive(Debug)]
pub struct ExchangeConnectionManager {
    state: State,
    env: Env,
    link: core::cell::OnceCell<Rc<Link>>,
}

impl DurableObject for ExchangeConnectionManager {
    fn new(state: State, env: Env) -> Self {
        keep_object(&state);
        Self { state, env, link: core::cell::OnceCell::new() }
    }

    /// `POST /{venue}/{live|test}/{id}` with a frame: 200 with the frame that answered it, 503 if no
    /// byte of it has left, 504 with the cause if it has and nobody knows what became of it.
    /// `POST /{venue}/{live|test}` opens the socket and nothing else.
    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let id = request_id(&request);
        let unsent = |text: &str| fail(id, &Failure::new(ErrorCode::QueueUnavailable, text));
        let path = path(&request);
        let (account, number) =
            match path.trim_start_matches('/').splitn(3, '/').collect::<Vec<_>>()[..] {
                [venue, kind] => (format!("{venue}/{kind}"), None),
                [venue, kind, number] => (format!("{venue}/{kind}"), number.parse::<u64>().ok()),
                _ => return unsent("No such path."),
            };
        let Some(link) = self.link(&account) else { return unsent("No such socket.") };
        if self.state.storage().get_alarm().await?.is_none() {
            self.state.storage().put(ACCOUNT, &account).await?;
            self.state.storage().set_alarm(KEEP_ALIVE).await?;
        }
        link.open();
        let Some(number) = number else { return Response::empty() };
        let frame = match read_internal_body(&mut request, FRAME_MAX).await {
            Ok(frame) => frame,
            Err(failure) => return fail(id, &failure),
        };
        let Ok(frame) = String::from_utf8(frame) else { return unsent("No text.") };
        let (status, text) = match link.send(number, &frame).await {
            Sent::Not => return unsent("The socket for orders is not connected."),
            Sent::Answered(answer) => (200, answer),
            Sent::Lost(cause) => (504, cause),
        };
        Ok(ResponseBuilder::new().with_status(status).fixed(text.into_bytes()))
    }

    /// Keeps the socket while the operator wants it, and lets go of it when not.
    async fn alarm(&self) -> Result<Response> {
        let account: Option<String> = self.state.storage().get(ACCOUNT).await?;
        let Some(account) = account else { return Response::empty() };
        let venue: Option<Venue> = account.split('/').next().and_then(|name| name.parse().ok());
        if self.is_wanted(venue).await {
            self.state.storage().set_alarm(KEEP_ALIVE).await?;
            if let Some(link) = self.link(&account) {
                link.open();
            }
        } else if let Some(link) = self.link.get() {
            link.shut();
        }
        Response::empty()
    }
}

impl ExchangeConnectionManager {
    fn link(&self, account: &str) -> Option<Rc<Link>> {
        if let Some(link) = self.link.get() {
            return (link.account() == account).then(|| Rc::clone(link));
        }
        let (venue, kind) = account.split_once('/')?;
        let client = shared_client(&self.env, venue.parse().ok()?, kind == "test")?;
        Some(Rc::clone(self.link.get_or_init(|| Rc::new(Link::new(account.to_owned(), client)))))
    }

    async fn is_wanted(&self, venue: Option<Venue>) -> bool {
        let Some(venue) = venue else { return false };
        // What cannot be read changes nothing.
        snapshot(&self.env).await.is_none_or(|config| config.use_websocket.contains(&venue))
    }
}
