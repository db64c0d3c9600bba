//! The HTTP side of the service: `POST /webhook` and `GET /health` over the router, and what is asked
//! from inside.

mod inside;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router as Routes;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use axum::routing::{get, post};
use hoox_connector::{Clock, SystemClock};
use hoox_router::{
    Answer, ConfigStore, ErrorCode, Failure, Passkey, RequestId, SECURITY_HEADERS, Trace,
};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::archive::watched;
use crate::service::Service;

/// The longest body that is read (gateway.md §2).
const BODY_MAX: usize = 64 * 1024;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) service: Arc<Service>,
    /// The header that names the client's address, behind a proxy that sets it.
    pub(crate) address_header: Option<HeaderName>,
    /// Whether answers tell how long each step took.
    pub(crate) server_timing: bool,
    /// What `X-Internal-Auth-Key` must be for what only the operator may ask; without it nobody may.
    pub(crate) internal_key: Option<Passkey>,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Listening {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Listening {
    /// Serves on `listener` until it is stopped.
    pub(crate) fn start(listener: TcpListener, shared: Shared) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, mut stopped) = watch::channel(false);
        let routes = Routes::new()
            .route("/webhook", post(webhook))
            .route("/health", get(health))
            .merge(inside::routes())
            .method_not_allowed_fallback(wrong_method)
            .fallback(not_found)
            .with_state(shared)
            .into_make_service_with_connect_info::<SocketAddr>();
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        let serving = axum::serve(listener, routes).with_graceful_shutdown(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        Ok(Self { address, stop, task: tokio::spawn(async move { serving.await }) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and waits until what has begun is done.
    pub(crate) async fn stop(self) -> std::io::Result<()> {
        self.stop.send_replace(true);
        self.task.await.map_err(std::io::Error::other)?
    }
}

async fn webhook(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let id = new_request_id();
    let peer = shared.client_address(peer, request.headers());
    let body = match read_body(request).await {
        Ok(body) => body,
        Err(failure) => return respond(&Answer::failure(id, &failure)),
    };
    // The sender hanging up must not stop an order half-way: the work goes on by itself.
    let service = Arc::clone(&shared.service);
    let (answered, answer) = oneshot::channel();
    // In a box, as it is large, and is handed on several times before it begins.
    tokio::spawn(watched(Box::pin(async move {
        let mut answer = service.router.handle(&body, peer, id).await;
        let orders = answer.take_without_fee();
        let _ = answered.send(answer);
        service.read_fees(orders).await;
    })));
    match answer.await {
        Ok(answer) if shared.server_timing => {
            let mut response = respond(&answer);
            if let Ok(value) = HeaderValue::from_str(&server_timing(&answer.trace)) {
                response.headers_mut().insert(HeaderName::from_static("server-timing"), value);
            }
            response
        }
        Ok(answer) => respond(&answer),
        Err(_) => {
            let failure = Failure::new(ErrorCode::Internal, "Internal error.");
            respond(&Answer::failure(id, &failure))
        }
    }
}

async fn health(State(shared): State<Shared>) -> Response<Body> {
    let stored = shared.service.store.load(&["trade:kill_switch"]).await.is_ok();
    let configured = shared.service.router.config().await.readable;
    let queue = shared.service.store.queue_depth().is_ok();
    let readable = stored && configured && queue;
    let state = |fine, good| if fine { good } else { "unavailable" };
    let status = if readable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({
        "status": if readable { "ok" } else { "degraded" },
        "timestamp": SystemClock.now().as_millis(),
        "bindings": {
            "d1": state(stored, "connected"),
            "kv": state(configured, "connected"),
            "queue": state(queue, "active"),
        },
    });
    build(status, body.to_string(), [])
}

async fn wrong_method() -> Response<Body> {
    fail(ErrorCode::MethodNotAllowed, "This path does not take this method.")
}

async fn not_found() -> Response<Body> {
    fail(ErrorCode::NotFound, "No such path.")
}

impl Shared {
    /// The client's address: the connection's, or what a trusted proxy says.
    fn client_address(&self, peer: SocketAddr, headers: &HeaderMap) -> Option<IpAddr> {
        match &self.address_header {
            None => Some(peer.ip()),
            Some(name) => headers.get(name)?.to_str().ok()?.trim().parse().ok(),
        }
    }
}

/// Refuses by the declared length first, then by what arrives.
async fn read_body(request: Request<Body>) -> Result<Bytes, Failure> {
    let too_large = || Failure::new(ErrorCode::PayloadTooLarge, "The body is larger than 64 KiB.");
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > BODY_MAX as u64) {
        return Err(too_large());
    }
    axum::body::to_bytes(request.into_body(), BODY_MAX).await.map_err(|_| too_large())
}

/// The steps in milliseconds, as the header has it.
fn server_timing(trace: &Trace) -> String {
    let mut text = String::new();
    for (step, micros) in trace.durations() {
        let separator = if text.is_empty() { "" } else { ", " };
        let name = step.as_str().replace(' ', "-");
        let (millis, rest) = (micros / 1_000, micros % 1_000);
        text.push_str(&format!("{separator}{name};dur={millis}.{rest:03}"));
    }
    text
}

/// A UUID v4 in form, that begins with the moment: what is written at the same time lies together in
/// the database, on a few pages instead of as many as there are rows. 74 bits stay random.
fn new_request_id() -> RequestId {
    let mut bytes = uuid::Uuid::new_v4().into_bytes();
    let moment = SystemClock.now().as_millis().to_be_bytes();
    bytes.iter_mut().zip(moment.into_iter().skip(2)).for_each(|(to, from)| *to = from);
    RequestId::from_random(bytes)
}

fn fail(code: ErrorCode, message: &str) -> Response<Body> {
    respond(&Answer::failure(new_request_id(), &Failure::new(code, message)))
}

fn respond(answer: &Answer) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let retry_after = answer.retry_after.map(|seconds| (header::RETRY_AFTER, seconds.to_string()));
    let request_id = (HeaderName::from_static("x-request-id"), answer.request_id.to_string());
    build(status, answer.body.clone(), retry_after.into_iter().chain([request_id]))
}

fn build(
    status: StatusCode,
    body: String,
    headers: impl IntoIterator<Item = (HeaderName, String)>,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let map = response.headers_mut();
    map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in SECURITY_HEADERS {
        map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            map.insert(name, value);
        }
    }
    response
}
