//! `hoox sign`: what would be sent, without sending it.

mod case;

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use hoox_any::Dialect;
use hoox_connector::{
    Credentials, EncodeError, ExchangeProvider, FilterError, Headers, Instruments, Market,
    OperationKind, PriceRounding, Reply, Request, RequestBuf, Socket, Timestamp, Venue,
};
use serde::Serialize;
use serde_json::value::RawValue;

use case::{Asked, Case, CaseError, Wire};

/// The longest line that is read.
const LINE_MAX: usize = 1024 * 1024;

/// Sign requests without sending them.
///
/// Reads one JSON object a line from standard input (venue, market, operation, input, api_key,
/// secret, timestamp_ms, recv_window) and writes one a line: the request as it would be sent, or
/// {id, error: {code, message}}. A secret that is a PEM document is an Ed25519 or RSA key.
///
/// Example:
///
///   echo '{"id":"1","venue":"binance","market":"linear","operation":"place_limit",
///   "input":{"symbol":"BTCUSDT","side":"buy","type":"limit","quantity":"0.034","price":43210.9},
///   "api_key":"key","secret":"secret","timestamp_ms":1700000000000,"recv_window":5000}' | hoox sign
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SignArgs {
    /// The venue's own instrument list, as VENUE:MARKET=FILE (repeatable). Quantities and prices are
    /// rounded and checked against it; without one, values pass as written
    #[arg(long, value_name = "VENUE:MARKET=FILE", value_parser = parse_instruments_arg)]
    instruments: Vec<InstrumentsArg>,

    /// Which way prices are brought to the tick: passive (down for buys, up for sells) or nearest
    #[arg(long, value_enum, default_value = "passive")]
    price_rounding: Rounding,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Rounding {
    Passive,
    Nearest,
}

#[derive(Debug, Clone)]
struct InstrumentsArg {
    venue: Venue,
    market: Market,
    file: PathBuf,
}

fn parse_instruments_arg(text: &str) -> Result<InstrumentsArg, String> {
    let form =
        || format!("`{text}` is not VENUE:MARKET=FILE, as in binance:spot=exchangeInfo.json");
    let (name, file) = text.split_once('=').ok_or_else(form)?;
    let (venue, market) = name.split_once(':').ok_or_else(form)?;
    Ok(InstrumentsArg {
        venue: venue.parse().map_err(|_| format!("unknown venue `{venue}`"))?,
        market: market.parse().map_err(|_| format!("unknown market `{market}`"))?,
        file: file.into(),
    })
}

/// Signs every line of `input`. A line that cannot be signed is answered with an error object; only
/// broken pipes and unreadable instrument files end the program.
pub(crate) fn run(args: &SignArgs, input: impl BufRead, output: impl Write) -> anyhow::Result<()> {
    let mut instruments = HashMap::new();
    for arg in &args.instruments {
        instruments.insert((arg.venue, arg.market), read_instruments(arg)?);
    }
    let rounding = match args.price_rounding {
        Rounding::Passive => PriceRounding::Passive,
        Rounding::Nearest => PriceRounding::Nearest,
    };
    let mut input = std::io::BufReader::new(input);
    let mut output = std::io::BufWriter::new(output);
    let mut signer = Signer { instruments, rounding, buf: RequestBuf::new() };
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)? {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        signer.answer(&line, &mut output)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(())
}

struct Signer {
    instruments: HashMap<(Venue, Market), Instruments>,
    rounding: PriceRounding,
    buf: RequestBuf,
}

impl Signer {
    fn answer(&mut self, line: &[u8], output: &mut impl Write) -> anyhow::Result<()> {
        if line.len() > LINE_MAX {
            let error = CaseError::invalid(format!("line longer than {LINE_MAX} bytes"));
            return Ok(serde_json::to_writer(output, &Failure::new(None, &error))?);
        }
        let case: Case<'_> = match serde_json::from_slice(line) {
            Ok(case) => case,
            Err(error) => {
                let id = serde_json::from_slice::<case::Id<'_>>(line).ok().and_then(|it| it.id);
                let error = CaseError::invalid(error.to_string());
                return Ok(serde_json::to_writer(output, &Failure::new(id, &error))?);
            }
        };
        match self.sign(&case) {
            Ok(signed) => Ok(serde_json::to_writer(output, &signed)?),
            Err(error) => Ok(serde_json::to_writer(output, &Failure::new(case.id, &error))?),
        }
    }

    fn sign<'a>(&'a mut self, case: &Case<'a>) -> Result<Signed<'a>, CaseError> {
        let (venue, market) = (case.venue()?, case.market()?);
        let credentials = Credentials::from_secret(&case.api_key, &case.secret)
            .map_err(|error| CaseError::invalid(format!("secret: {error}")))?;
        let mut dialect = Dialect::live(venue, market, credentials)
            .ok_or_else(|| CaseError::not_supported(format!("{venue} {market}")))?;
        if let Some(window) = case.recv_window {
            dialect = dialect.with_recv_window(Duration::from_millis(window));
        }
        let at = Timestamp::from_millis(case.timestamp_ms);
        let instruments = self.instruments.get(&(venue, market));
        let entry = || {
            let message = format!("{venue} {market} takes no orders over WebSocket");
            dialect.order_entry().ok_or(CaseError::not_supported(message))
        };
        match case.wire() {
            Wire::Rest(operation) => {
                let asked = Asked::new(case, operation, instruments, self.rounding)?;
                let request = dialect.encode(&asked.operation(), at, &mut self.buf)?;
                Ok(Signed::request(case.id, dialect.base_url(), request))
            }
            Wire::Frame(operation) => {
                let asked = Asked::new(case, operation, instruments, self.rounding)?;
                let entry = entry()?;
                entry.encode_frame(&asked.operation(), at, 1, false, &mut self.buf)?;
                Signed::frame(case.id, entry.entry_url().unwrap_or(""), self.buf.request())
            }
            Wire::Logon => {
                let entry = entry()?;
                entry.encode_logon(at, 1, &mut self.buf)?;
                Signed::frame(case.id, entry.entry_url().unwrap_or(""), self.buf.request())
            }
            Wire::Authenticate => {
                // Bybit signs the end of an authentication, other venues its beginning.
                let at = match case.expires()? {
                    Some(expires) => before(expires, hoox_bybit::AUTH_LIFE),
                    None => at,
                };
                let streams = dialect.streams();
                let mut frame = String::new();
                streams.authenticate(at, 1, &mut frame)?;
                if frame.is_empty() {
                    let message = format!("{venue} {market} authenticates no stream by a frame");
                    return Err(CaseError::not_supported(message));
                }
                Signed::authentication(case.id, &streams.socket_url(Socket::Private, None), &frame)
            }
        }
    }
}

fn before(at: Timestamp, duration: Duration) -> Timestamp {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(at.as_millis().saturating_sub(millis))
}

/// One answered line.
#[derive(Serialize)]
struct Signed<'a> {
    id: Option<&'a RawValue>,
    method: String,
    base_url: String,
    path: String,
    query: &'a str,
    headers: BTreeMap<&'static str, &'a str>,
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<Box<RawValue>>,
    signed_payload: String,
    signature: String,
}

impl<'a> Signed<'a> {
    fn request(id: Option<&'a RawValue>, base_url: &str, request: Request<'a>) -> Self {
        Self {
            id,
            method: request.method().as_str().to_owned(),
            base_url: base_url.to_owned(),
            path: request.path().to_owned(),
            query: request.query(),
            headers: request.headers().collect(),
            body: Some(request.body()).filter(|body| !body.is_empty()),
            frame: None,
            signed_payload: request.signed_payload().to_owned(),
            // The signature itself, not its spelling in a URL.
            signature: request
                .signature()
                .replace("%2B", "+")
                .replace("%2F", "/")
                .replace("%3D", "="),
        }
    }

    /// A frame of the order-entry socket at `url`.
    fn frame(id: Option<&'a RawValue>, url: &str, request: Request<'a>) -> Result<Self, CaseError> {
        let mut signed = Self::request(id, "", request);
        signed.set_frame(url, request.body())?;
        Ok(signed)
    }

    /// The frame that authenticates the private socket at `url`.
    fn authentication(id: Option<&'a RawValue>, url: &str, frame: &str) -> Result<Self, CaseError> {
        let mut signed = Self {
            id,
            method: String::new(),
            base_url: String::new(),
            path: String::new(),
            query: "",
            headers: BTreeMap::new(),
            body: None,
            frame: None,
            signed_payload: String::new(),
            signature: String::new(),
        };
        let parsed = signed.set_frame(url, frame)?;
        let text = |pointer| {
            parsed.pointer(pointer).map(|value| match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        };
        // MEXC: {param: {apiKey, reqTime, signature}}; Bybit: {args: [key, expires, signature]}.
        if let (Some(key), Some(time)) = (text("/param/apiKey"), text("/param/reqTime")) {
            signed.signed_payload = key + &time;
        } else if let Some(expires) = text("/args/1") {
            signed.signed_payload = format!("GET/realtime{expires}");
        }
        signed.signature = text("/param/signature").or(text("/args/2")).unwrap_or_default();
        Ok(signed)
    }

    fn set_frame(&mut self, url: &str, frame: &str) -> Result<serde_json::Value, CaseError> {
        let unreadable = |_| CaseError::invalid("the frame is not JSON".into());
        let parsed: serde_json::Value = serde_json::from_str(frame).map_err(unreadable)?;
        let name = parsed.get("method").or(parsed.get("op")).and_then(serde_json::Value::as_str);
        self.method = name.unwrap_or("").to_owned();
        self.body = None;
        self.frame = Some(RawValue::from_string(frame.to_owned()).map_err(unreadable)?);
        let host = url.find("://").map_or(0, |at| at + 3);
        let path =
            url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| host + at);
        let (base_url, path) = url.split_at_checked(path).unwrap_or((url, ""));
        self.base_url = base_url.to_owned();
        self.path = path.split('?').next().unwrap_or(path).to_owned();
        Ok(parsed)
    }
}

#[derive(Serialize)]
struct Failure<'a> {
    id: Option<&'a RawValue>,
    error: FailureBody<'a>,
}

#[derive(Serialize)]
struct FailureBody<'a> {
    code: &'a str,
    message: &'a str,
}

impl<'a> Failure<'a> {
    fn new(id: Option<&'a RawValue>, error: &'a CaseError) -> Self {
        Self { id, error: FailureBody { code: &error.code, message: &error.message } }
    }
}

impl From<EncodeError> for CaseError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::NotSupported { .. } => Self::not_supported(error.to_string()),
            _ => Self::invalid(error.to_string()),
        }
    }
}

impl From<FilterError> for CaseError {
    fn from(error: FilterError) -> Self {
        // `minimum notional` becomes MINIMUM_NOTIONAL.
        let code = error.filter.as_str().to_ascii_uppercase().replace(' ', "_");
        Self { code: code.into(), message: error.to_string() }
    }
}

/// Reads one line into `line`; of a line that is too long, as much as shows that it is.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> anyhow::Result<bool> {
    line.clear();
    let mut limited = std::io::Read::take(&mut *input, LINE_MAX as u64 + 1);
    let read = limited.read_until(b'\n', line).context("cannot read standard input")?;
    if line.len() > LINE_MAX {
        let mut rest = Vec::new();
        loop {
            rest.clear();
            let mut limited = std::io::Read::take(&mut *input, LINE_MAX as u64);
            if limited.read_until(b'\n', &mut rest)? == 0 || rest.ends_with(b"\n") {
                break;
            }
        }
    }
    Ok(read > 0)
}

fn read_instruments(arg: &InstrumentsArg) -> anyhow::Result<Instruments> {
    let InstrumentsArg { venue, market, file } = arg;
    let Some(dialect) = Dialect::live(*venue, *market, Credentials::hmac("", "")) else {
        bail!("{venue} {market} is not supported");
    };
    let mut body =
        std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    match dialect.decode(&OperationKind::Instruments.into(), 200, Headers::none(), &mut body) {
        Ok(Reply::Instruments(instruments)) => Ok(instruments),
        Ok(_) => bail!("{} is not an instrument list", file.display()),
        Err(error) => bail!("{} is not {venue}'s instrument list: {error}", file.display()),
    }
}
