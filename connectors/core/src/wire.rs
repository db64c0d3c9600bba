//! A TCP connection to a venue, with TLS around it or not.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use rustls_platform_verifier::BuilderVerifierExt;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};

/// After how long without a packet the host is probed, how often, and how often in vain until the
/// connection is over. A venue's own pings may be minutes apart.
const PROBE_AFTER: Duration = Duration::from_secs(15);
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// How long the host may owe an answer, to a probe or to data, until the connection is over: as long
/// as the probes take.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNANSWERED_MAX: Duration = Duration::from_secs(30);

/// How long an address of a host has to itself before the next one is tried as well: a network where one
/// family of addresses leads nowhere must not keep us from the other (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Where to connect to, and how.
pub(crate) struct Target {
    pub(crate) host: Box<str>,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    /// The host of `uri`, over TLS if settings for it are given.
    pub(crate) fn new(uri: &http::Uri, tls: Option<Arc<ClientConfig>>) -> io::Result<Self> {
        let host = uri.host().ok_or_else(|| io::Error::other("the address has no host"))?;
        // A literal IPv6 address is in brackets in a URL, and nowhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let tls = match tls {
            Some(config) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                Some((TlsConnector::from(config), name))
            }
            None => None,
        };
        Ok(Self { host: host.into(), port, tls })
    }

    /// Connects, without waiting to fill packets, and from then on looking whether the host is there.
    pub(crate) async fn connect(&self) -> io::Result<Wire> {
        let tcp = dial(lookup_host((&*self.host, self.port)).await?.collect()).await?;
        tcp.set_nodelay(true)?;
        watch(&tcp)?;
        let Some((connector, name)) = &self.tls else { return Ok(Wire::Plain(tcp)) };
        Ok(Wire::Tls(Box::new(connector.connect(name.clone(), tcp).await?)))
    }
}

/// The first connection to any of a host's addresses.
async fn dial(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut left = in_turn(addresses).into_iter();
    let mut failure = io::Error::other("the host has no address");
    let mut attempts = JoinSet::new();
    loop {
        if let Some(address) = left.next() {
            attempts.spawn(TcpStream::connect(address));
        }
        let ended = match left.len() {
            0 => attempts.join_next().await,
            _ => match timeout(HEAD_START, attempts.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            },
        };
        match ended {
            Some(Ok(Ok(tcp))) => return Ok(tcp),
            Some(Ok(Err(error))) => failure = error,
            Some(Err(error)) => failure = io::Error::other(error),
            None => return Err(failure),
        }
    }
}

/// The addresses with their families in turn, otherwise in the order in which the system prefers them.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let preferred = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut of_preferred, mut of_other) = (0, 0);
    let placed = addresses.into_iter().map(|address| {
        let other = address.is_ipv6() != preferred;
        let of_family = if other { &mut of_other } else { &mut of_preferred };
        *of_family += 1;
        (*of_family, other, address)
    });
    let mut placed: Vec<_> = placed.collect();
    placed.sort_by_key(|(nth, other, _)| (*nth, *other));
    placed.into_iter().map(|(.., address)| address).collect()
}

/// The system's certificates, read once.
pub(crate) fn trusted() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(io::Error::other)?
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}

/// Has the system end the connection soon after the host is gone, whether it rests or data is under
/// way: reading then fails.
fn watch(tcp: &TcpStream) -> io::Result<()> {
    let probes =
        TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(PROBES);
    let socket = SockRef::from(tcp);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(UNANSWERED_MAX))?;
    Ok(())
}

/// Either kind of connection.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! either {
    ($wire:expr, $it:ident => $call:expr) => {
        match $wire.get_mut() {
            Wire::Plain($it) => {
                let $it = Pin::new($it);
                $call
            }
            Wire::Tls($it) => {
                let $it = Pin::new($it.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, it => it.poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, it => it.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, it => it.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(it) => it.is_write_vectored(),
            Self::Tls(it) => it.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, it => it.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, it => it.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_that_is_gone_is_noticed_within_half_a_minute() {
        let host = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("ws://{}/stream", host.local_addr().unwrap()).parse().unwrap();
        let Wire::Plain(tcp) = Target::new(&uri, None).unwrap().connect().await.unwrap() else {
            panic!("TLS")
        };
        let socket = SockRef::from(&tcp);
        assert!(socket.keepalive().unwrap());
        let in_vain =
            socket.tcp_keepalive_interval().unwrap() * socket.tcp_keepalive_retries().unwrap();
        let noticed = socket.tcp_keepalive_time().unwrap() + in_vain;
        assert_eq!(noticed, Duration::from_secs(30));
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(noticed));
        assert!(tcp.nodelay().unwrap());
    }

    #[test]
    fn the_families_of_addresses_take_turns() {
        let of = |texts: &[&str]| texts.iter().map(|it| it.parse().unwrap()).collect::<Vec<_>>();
        let told = ["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1", "127.0.0.2:1"];
        let tried = ["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1", "[::3]:1"];
        assert_eq!(in_turn(of(&told)), of(&tried));
        assert!(in_turn(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn an_address_that_leads_nowhere_does_not_keep_us_from_the_next() {
        // Room for one that is not accepted; whoever comes after it hears nothing.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = silent.listen(0).unwrap();
        let _taken = TcpStream::connect(silent.local_addr().unwrap()).await.unwrap();
        let host = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (silent, host) = (silent.local_addr().unwrap(), host.local_addr().unwrap());
        let dialed = timeout(Duration::from_secs(20), dial(vec![silent, host])).await.unwrap();
        assert_eq!(dialed.unwrap().peer_addr().unwrap(), host);
        let refused = dial(vec!["127.0.0.1:1".parse().unwrap(); 2]).await;
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(dial(Vec::new()).await.is_err());
    }

    #[test]
    fn an_address_names_its_host_and_port() {
        let of = |uri: &str, tls| {
            let target = Target::new(&uri.parse().unwrap(), tls).unwrap();
            (target.host, target.port)
        };
        assert_eq!(of("ws://venue.test/x", None), ("venue.test".into(), 80));
        let tls = trusted().unwrap();
        assert_eq!(of("wss://venue.test", Some(tls.clone())), ("venue.test".into(), 443));
        assert_eq!(of("wss://[::1]:9443/x", Some(tls)), ("::1".into(), 9443));
        assert!(Target::new(&"/x".parse().unwrap(), None).is_err());
    }
}
