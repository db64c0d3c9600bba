//! Both native transports over real sockets: what certainly did not leave is told from what may have
//! arrived, and nothing is sent twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use core::time::Duration;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use hoox_connector::{
    Method, PinnedTransport, Request, RequestBuf, ReqwestTransport, Response, Transport,
    TransportError,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

const PATIENCE: Duration = Duration::from_secs(20);

enum Any {
    Reqwest(ReqwestTransport),
    Pinned(PinnedTransport),
}

impl Any {
    async fn send(&self, base_url: &str) -> Result<Response, TransportError> {
        let buf = order();
        match self {
            Self::Reqwest(it) => it.send(base_url, buf.request()).await,
            Self::Pinned(it) => it.send(base_url, buf.request()).await,
        }
    }
}

fn both(base_url: &str) -> [Any; 2] {
    both_within(base_url, PATIENCE)
}

fn both_within(base_url: &str, request: Duration) -> [Any; 2] {
    [
        Any::Reqwest(ReqwestTransport::with_timeouts(request, PATIENCE).unwrap()),
        Any::Pinned(PinnedTransport::new(base_url).unwrap().with_timeouts(request, PATIENCE)),
    ]
}

fn order() -> RequestBuf {
    let mut buf = RequestBuf::new();
    buf.begin(Method::Post);
    let path = buf.push("/order");
    buf.set_path(path);
    let query = buf.push("symbol=BTCUSDT&signature=abc");
    buf.set_query(query);
    let body = buf.push("quantity=1");
    buf.set_body(body);
    buf.constant_header("X-Key", "key");
    buf
}

/// What the server does with a request that it has read.
#[derive(Clone)]
enum Reaction {
    Reply(Vec<u8>),
    /// Replies, and closes the connection a little later, while it rests.
    ReplyThenClose(Vec<u8>),
    /// Writes what there is and closes.
    Close(Vec<u8>),
    Silence,
}

/// A server that reacts to each request in turn, the last reaction for all that follow.
struct Server {
    base_url: String,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    connections: usize,
    requests: Vec<String>,
}

impl Server {
    async fn start(reactions: impl IntoIterator<Item = Reaction>) -> Self {
        let reactions: Vec<Reaction> = reactions.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Log::default()));
        let book = log.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                book.lock().unwrap().connections += 1;
                tokio::spawn(converse(stream, book.clone(), reactions.clone()));
            }
        });
        Self { base_url, log }
    }

    fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().requests.clone()
    }

    fn connections(&self) -> usize {
        self.log.lock().unwrap().connections
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    log: Arc<Mutex<Log>>,
    reactions: Vec<Reaction>,
) {
    while let Some(request) = read_request(&mut stream).await {
        let reaction = {
            let mut log = log.lock().unwrap();
            log.requests.push(request);
            reactions[(log.requests.len() - 1).min(reactions.len() - 1)].clone()
        };
        match reaction {
            Reaction::Reply(bytes) => stream.write_all(&bytes).await.unwrap_or(()),
            Reaction::ReplyThenClose(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
                return;
            }
            Reaction::Close(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                return;
            }
            Reaction::Silence => core::future::pending().await,
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1).unwrap_or("0");
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() >= length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn reply(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn maybe_sent(answer: &Result<Response, TransportError>) -> bool {
    matches!(answer, Err(TransportError::MaybeSent(_)))
}

fn not_sent(answer: &Result<Response, TransportError>) -> bool {
    matches!(answer, Err(TransportError::NotSent(_)))
}

#[tokio::test]
async fn the_request_arrives_as_it_was_signed_and_the_reply_as_it_was_sent() {
    let answer = reply("x-mbx-used-weight-1m: 7\r\n", b"<html>busy</html>");
    let server = Server::start([Reaction::Reply(answer)]).await;
    for transport in both(&server.base_url) {
        let response = transport.send(&server.base_url).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, &b"<html>busy</html>"[..]));
        assert_eq!(response.headers["x-mbx-used-weight-1m"], "7");
    }
    for request in server.requests() {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("POST /order?symbol=BTCUSDT&signature=abc HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.to_ascii_lowercase().contains("\r\nx-key: key"), "{head}");
        let host = server.base_url.trim_start_matches("http://");
        assert!(head.to_ascii_lowercase().contains(&format!("\r\nhost: {host}")), "{head}");
        assert_eq!(body, "quantity=1");
    }
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for transport in both(&base_url) {
        let answer = transport.send(&base_url).await;
        assert!(not_sent(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn a_name_that_is_unknown_was_not_sent() {
    let base_url = "http://no-such-host.invalid";
    for transport in both(base_url) {
        let answer = transport.send(base_url).await;
        assert!(not_sent(&answer), "{answer:?}");
    }
}

#[tokio::test]
async fn a_failed_handshake_was_not_sent() {
    // A server that does not speak TLS, and one that nobody vouches for.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let deaf_url = format!("https://{}", deaf.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = deaf.accept().await {
            stream.write_all(b"220 no TLS here\r\n").await.unwrap();
        }
    });
    let (untrusted_url, _, log) = tls_server().await;
    for base_url in [deaf_url, untrusted_url] {
        for transport in both(&base_url) {
            let answer = transport.send(&base_url).await;
            assert!(not_sent(&answer), "{answer:?}");
        }
    }
    assert!(log.lock().unwrap().requests.is_empty());
}

#[tokio::test]
async fn pinned_speaks_tls_to_whom_it_trusts() {
    let (base_url, certificate, log) = tls_server().await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let transport = PinnedTransport::with_tls(&base_url, config).unwrap();
    for _ in 0..2 {
        let buf = order();
        assert_eq!(transport.send(&base_url, buf.request()).await.unwrap().body, b"secure");
    }
    let log = log.lock().unwrap();
    assert_eq!((log.connections, log.requests.len()), (1, 2));
}

#[tokio::test]
async fn reqwest_speaks_tls_to_whom_it_trusts() {
    let (base_url, certificate, log) = tls_server().await;
    let transport = ReqwestTransport::trusting([&*certificate]).unwrap();
    for _ in 0..2 {
        let buf = order();
        assert_eq!(transport.send(&base_url, buf.request()).await.unwrap().body, b"secure");
    }
    let log = log.lock().unwrap();
    assert_eq!((log.connections, log.requests.len()), (1, 2));
}

/// What a server that speaks HTTP/2 does with a request.
#[derive(Clone, Copy)]
enum Stream {
    Answer,
    Reset,
    /// The connection ends after the request was read.
    Leave,
}

#[tokio::test]
async fn over_http_2_too_what_was_read_and_not_answered_is_maybe_sent_and_not_sent_again() {
    let (base_url, certificate, log) =
        http_2_server(&[Stream::Answer, Stream::Reset, Stream::Answer, Stream::Leave]).await;
    let transport = ReqwestTransport::trusting([&*certificate]).unwrap();
    let buf = order();
    for answered in [true, false, true, false, true] {
        let answer = transport.send(&base_url, buf.request()).await;
        match answered {
            true => assert_eq!(answer.unwrap().body, b"over 2"),
            false => assert!(maybe_sent(&answer), "{answer:?}"),
        }
    }
    let log = log.lock().unwrap();
    assert_eq!((log.connections, log.requests.len()), (2, 5));
    assert!(log.requests[0].starts_with("HTTP/2.0 POST /"), "{}", log.requests[0]);
}

/// One that does each in turn, and then answers.
async fn http_2_server(
    turns: &'static [Stream],
) -> (String, CertificateDer<'static>, Arc<Mutex<Log>>) {
    let (acceptor, certificate) = tls(&[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let log = Arc::new(Mutex::new(Log::default()));
    let book = log.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (book, acceptor) = (book.clone(), acceptor.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                book.lock().unwrap().connections += 1;
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let (head, mut body) = request.into_parts();
                    let line = format!("{:?} {} {}", head.version, head.method, head.uri.path());
                    let turn = {
                        let mut log = book.lock().unwrap();
                        log.requests.push(line);
                        turns.get(log.requests.len() - 1).copied().unwrap_or(Stream::Answer)
                    };
                    tokio::spawn(async move { while let Some(Ok(_)) = body.data().await {} });
                    match turn {
                        Stream::Answer => {
                            let mut out =
                                respond.send_response(http::Response::new(()), false).unwrap();
                            out.send_data("over 2".into(), true).unwrap();
                        }
                        Stream::Reset => respond.send_reset(h2::Reason::INTERNAL_ERROR),
                        Stream::Leave => return,
                    }
                }
            });
        }
    });
    (base_url, certificate, log)
}

/// What accepts connections for a new certificate, and that.
fn tls(protocols: &[&[u8]]) -> (tokio_rustls::TlsAcceptor, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (tokio_rustls::TlsAcceptor::from(Arc::new(config)), certificate)
}

async fn tls_server() -> (String, CertificateDer<'static>, Arc<Mutex<Log>>) {
    let (acceptor, certificate) = tls(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let log = Arc::new(Mutex::new(Log::default()));
    let book = log.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (book, acceptor) = (book.clone(), acceptor.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                book.lock().unwrap().connections += 1;
                converse(stream, book, vec![Reaction::Reply(reply("", b"secure"))]).await;
            });
        }
    });
    (base_url, certificate, log)
}

#[tokio::test]
async fn closed_after_the_request_was_read_is_maybe_sent_and_not_sent_again() {
    let part = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"orderId\":".to_vec();
    for bytes in [Vec::new(), part] {
        let server = Server::start([Reaction::Close(bytes)]).await;
        for (index, transport) in both(&server.base_url).into_iter().enumerate() {
            let answer = transport.send(&server.base_url).await;
            assert!(maybe_sent(&answer), "{answer:?}");
            assert_eq!(server.requests().len(), index + 1, "sent once");
        }
    }
}

#[tokio::test]
async fn closed_on_a_kept_connection_after_the_request_was_read_is_maybe_sent() {
    for index in 0..2 {
        let first = Reaction::Reply(reply("", b"one"));
        let server = Server::start([first, Reaction::Close(Vec::new())]).await;
        let transport = &both(&server.base_url)[index];
        transport.send(&server.base_url).await.unwrap();
        let answer = transport.send(&server.base_url).await;
        assert!(maybe_sent(&answer), "{answer:?}");
        assert_eq!((server.connections(), server.requests().len()), (1, 2));
    }
}

#[tokio::test]
async fn closed_while_it_rested_is_connected_anew_and_sent_once() {
    for index in 0..2 {
        let server = Server::start([Reaction::ReplyThenClose(reply("", b"ok"))]).await;
        let transport = &both(&server.base_url)[index];
        for sent in 1..4 {
            transport.send(&server.base_url).await.unwrap();
            assert_eq!((server.connections(), server.requests().len()), (sent, sent));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn no_reply_in_time_is_maybe_sent() {
    let server = Server::start([Reaction::Silence]).await;
    for transport in both_within(&server.base_url, Duration::from_millis(200)) {
        let answer = transport.send(&server.base_url).await;
        assert!(maybe_sent(&answer), "{answer:?}");
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_reply_without_end_is_cut_off() {
    let mut endless = b"HTTP/1.1 200 OK\r\ncontent-length: 40000000\r\n\r\n".to_vec();
    endless.resize(40_000_000, b' ');
    let server = Server::start([Reaction::Reply(endless)]).await;
    for transport in both(&server.base_url) {
        let answer = transport.send(&server.base_url).await;
        assert!(matches!(answer, Err(TransportError::ReplyTooLong { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn a_compressed_bomb_is_not_blown_up() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(&vec![0; 100_000_000]).unwrap();
    let bomb = bomb.finish().unwrap();
    let answer = reply("content-encoding: gzip\r\n", &bomb);
    let server = Server::start([Reaction::Reply(answer)]).await;
    for transport in both(&server.base_url) {
        let response = transport.send(&server.base_url).await.unwrap();
        assert_eq!(response.body.len(), bomb.len(), "as it came");
    }
    // Nobody asked for compression.
    let asked = server.requests().join("\n").to_ascii_lowercase();
    assert!(!asked.contains("accept-encoding"), "{asked}");
}

#[tokio::test]
async fn a_warm_connection_is_the_one_that_is_used() {
    let server = Server::start([Reaction::Reply(reply("", b""))]).await;
    let pinned = PinnedTransport::new(&server.base_url).unwrap();
    pinned.warm().await.unwrap();
    pinned.warm().await.unwrap();
    let buf = order();
    pinned.send(&server.base_url, buf.request()).await.unwrap();
    pinned.send(&server.base_url, buf.request()).await.unwrap();
    assert_eq!((server.connections(), server.requests().len()), (1, 2));

    let reqwest = ReqwestTransport::new().unwrap();
    reqwest.warm(&server.base_url).await.unwrap();
    reqwest.send(&server.base_url, buf.request()).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn requests_at_the_same_time_do_not_wait_for_each_other() {
    let reactions = [Reaction::Silence, Reaction::Reply(reply("", b"ok"))];
    let server = Server::start(reactions).await;
    let transport = PinnedTransport::new(&server.base_url).unwrap();
    let transport = transport.with_timeouts(Duration::from_secs(2), PATIENCE);
    let buf = order();
    let (first, second) = tokio::join!(transport.send(&server.base_url, buf.request()), async {
        while server.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        transport.send(&server.base_url, buf.request()).await
    });
    assert!(maybe_sent(&first), "{first:?}");
    assert_eq!(second.unwrap().body, b"ok");
}

#[tokio::test]
async fn pinned_goes_nowhere_else() {
    let transport = PinnedTransport::new("http://127.0.0.1:1").unwrap();
    let buf = order();
    let request: Request<'_> = buf.request();
    assert!(not_sent(&transport.send("http://127.0.0.1:2", request).await));
    for wrong in ["", "/path", "ftp://host", "http://", "https://"] {
        assert!(PinnedTransport::new(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn errors_do_not_tell_the_signature() {
    let server = Server::start([Reaction::Close(Vec::new())]).await;
    for transport in both(&server.base_url) {
        let error = transport.send(&server.base_url).await.unwrap_err();
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("abc") && !text.contains("signature"), "{text}");
        }
    }
}
