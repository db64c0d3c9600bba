//! The worker's routes (wallet.md §1). All but `/health` need the internal key.

use hoox_connector::Clock;
use hoox_edge::{FetchTransport, InternalKey, WorkerClock, fail, json, new_request_id, read_body};
use hoox_router::{ErrorCode, Failure, RequestId};
use hoox_wallet::{Wallet, WalletConfig, format_units};
use serde_json::{Map, Value};
use worker::{Env, Method, Request, Response, Result};

use crate::asked::{Asked, Common, Job, Side, address, side};
use crate::ledger::{self, Filter};
use crate::refusal::Refusal;
use crate::settings::{KEY, Settings};
use crate::{chains, gate, keys};

/// The longest body that is read.
const BODY_MAX: usize = 256 * 1024;

/// Whose keys open this worker: the scoped one first.
const KEYS: [&str; 2] = ["WALLET_EXECUTE_KEY_BINDING", "INTERNAL_KEY_BINDING"];

/// The most rows of one list.
const ROWS_MAX: u32 = 500;

type Outcome<T> = core::result::Result<T, Refusal>;

pub(crate) async fn answer(mut request: Request, env: &Env, id: RequestId) -> Result<Response> {
    let (path, method) = (hoox_edge::path(&request), request.method());
    let action = match (path.as_str(), &method) {
        ("/process", Method::Post) => None,
        ("/transfer", Method::Post) => Some("transferToken"),
        ("/approve", Method::Post) => Some("approve"),
        ("/swap", Method::Post) => Some("swap"),
        ("/wrap", Method::Post) => Some("wrap"),
        ("/unwrap", Method::Post) => Some("unwrap"),
        ("/", Method::Get) => Some("getAddress"),
        ("/status", Method::Get) => Some("getStatus"),
        ("/balance", Method::Get) => Some("getBalance"),
        ("/allowance", Method::Get) => Some("getAllowance"),
        ("/quote", Method::Get) => Some("getQuote"),
        ("/transaction", Method::Get) => Some("getTransaction"),
        ("/transactions", Method::Get) => Some("listTransactions"),
        ("/config", Method::Get) => Some("getConfig"),
        ("/config", Method::Put) => Some("updateConfig"),
        ("/health", Method::Get) => return health(env, id).await,
        (
            "/process" | "/transfer" | "/approve" | "/swap" | "/wrap" | "/unwrap" | "/" | "/status"
            | "/balance" | "/allowance" | "/quote" | "/transaction" | "/transactions" | "/config"
            | "/health",
            _,
        ) => {
            let message = "This path does not take this method.";
            return fail(id, &Failure::new(ErrorCode::MethodNotAllowed, message));
        }
        _ => return fail(id, &Failure::new(ErrorCode::NotFound, "No such path.")),
    };
    if !InternalKey::from_env(env, &KEYS).admits(&request) {
        let message = "The internal key is missing or wrong.";
        return fail(id, &Failure::new(ErrorCode::Unauthorized, message));
    }
    let (id, payload) = match payload(&mut request, id, action).await {
        Ok(read) => read,
        Err(refusal) => return refusal.respond(id),
    };
    if action == Some("getAddress") {
        return match keys::account(env, 0) {
            Ok(account) => {
                let address = account.address().to_checksum(None);
                let body = serde_json::json!({
                    "message": "web3-wallet-worker", "walletAddress": address,
                    "source": keys::source(env),
                });
                json(id, 200, &body)
            }
            Err(refusal) => refusal.respond(id),
        };
    }
    match perform(env, id, payload).await {
        Ok(Performed::Answer(response)) => Ok(response),
        Ok(Performed::Result(result)) => {
            let body = serde_json::json!({
                "success": true, "requestId": id, "result": result, "error": null,
            });
            json(id, 200, &body)
        }
        Err(refusal) => refusal.respond(id),
    }
}

/// What came of it: an object's answer as it is, or a result.
enum Performed {
    Answer(Response),
    Result(Value),
}

/// Brings what was asked, by whichever route, into one form: an object with an `action`.
async fn payload(
    request: &mut Request,
    id: RequestId,
    action: Option<&str>,
) -> Outcome<(RequestId, Value)> {
    let malformed = || Refusal::validation("Invalid JSON payload structure.");
    let mut fields = Map::new();
    if request.method() == Method::Get {
        let url = request.url().map_err(|_| malformed())?;
        let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into()));
        fields.extend(pairs);
        // The routes' names for what actions call otherwise.
        if let Some(token) = fields.remove("token") {
            fields.insert("tokenAddress".into(), token);
        }
        if let Some(index) = fields.get_mut("accountIndex")
            && let Some(number) = index.as_str().and_then(|text| text.parse::<u32>().ok())
        {
            *index = number.into();
        }
    } else {
        let body: Value = serde_json::from_slice(&read_body(request, BODY_MAX).await?)
            .map_err(|_| malformed())?;
        match (action, body) {
            (Some("updateConfig"), config) => {
                fields.insert("config".into(), config);
            }
            (Some(_), Value::Object(body)) => fields = body,
            (None, Value::Object(mut envelope)) => {
                let given = match envelope.remove("requestId") {
                    Some(Value::String(given)) => RequestId::new(&given)
                        .map_err(|_| Refusal::violation("requestId", "Not a UUID."))?,
                    None => new_request_id(),
                    Some(_) => return Err(Refusal::violation("requestId", "Not a text.")),
                };
                let payload = envelope.remove("payload");
                return Ok((given, payload.filter(Value::is_object).ok_or_else(malformed)?));
            }
            _ => return Err(malformed()),
        }
    }
    if let Some(action) = action {
        fields.insert("action".into(), action.into());
    }
    Ok((id, fields.into()))
}

async fn perform(env: &Env, id: RequestId, payload: Value) -> Outcome<Performed> {
    let settings = Settings::load(env).await;
    let text = |field: &str| payload.get(field).and_then(Value::as_str);
    if Asked::is_named_mutating(text("action")) {
        let named = chains::named(env, &settings, text("chain")).ok();
        gate::open(&settings, named.as_ref().map(|chain| chain.name.as_str()))?;
    }
    let malformed =
        |error: serde_json::Error| Refusal::validation(format!("Invalid payload: {error}."));
    let Common { chain, account_index: account, gas_limit, confirmation_id, dry_run } =
        serde_json::from_value(payload.clone()).map_err(malformed)?;
    let asked: Asked = serde_json::from_value(payload).map_err(malformed)?;
    match &asked {
        Asked::GetConfig {} => return result(&settings.wallet),
        Asked::UpdateConfig { config } => return update(env, &settings, config).await,
        Asked::GetStatus {} => return status(env, &settings),
        Asked::ListTransactions { chain, kind, status, limit, offset } => {
            let filter = Filter {
                chain: chain.clone(),
                kind: kind.clone(),
                status: status.clone(),
                limit: count("limit", limit.as_ref(), 50)?.min(ROWS_MAX),
                offset: count("offset", offset.as_ref(), 0)?,
            };
            let rows = ledger::list(env, &filter).await;
            let rows = rows.map_err(|_| Refusal::internal("The ledger cannot be read."))?;
            let count = rows.len();
            return result(&serde_json::json!({ "transactions": rows, "count": count }));
        }
        _ => {}
    }
    let chain = chains::named(env, &settings, chain.as_deref())?;
    if !settings.has(&chain.name) {
        return Err(gate::disabled());
    }
    let action = asked.action(&settings)?;
    let known = match &asked {
        Asked::GetTransaction { id } => Some(id.clone()),
        _ => None,
    };
    if action.is_some() || known.is_some() {
        let chain = chain.name;
        let job = Job { chain, account, action, id: known, gas_limit, confirmation_id, dry_run };
        return hand_on(env, id, &job).await.map(Performed::Answer);
    }
    let nodes = chains::nodes(env, &settings, &chain)?;
    let account = keys::account(env, account)?;
    let wallet: Wallet<FetchTransport, WorkerClock, ()> =
        Wallet::new(account, chain, nodes, (), WalletConfig::default())?;
    read(&wallet, &asked).await
}

/// Has the object of the account and chain do it.
async fn hand_on(env: &Env, id: RequestId, job: &Job) -> Outcome<Response> {
    let missing = |_| Refusal::store();
    let name = format!("{}:{}", job.chain, job.account);
    let objects = env.durable_object("WALLET_STORE").map_err(missing)?;
    let object = objects.id_from_name(&name).and_then(|id| id.get_stub()).map_err(missing)?;
    let body = serde_json::to_string(job).map_err(|_| Refusal::internal("Internal error."))?;
    let request = hoox_edge::internal_request(env, "https://wallet/submit", id, &[], &body);
    object.fetch_with_request(request.map_err(missing)?).await.map_err(missing)
}

async fn read(
    wallet: &Wallet<FetchTransport, WorkerClock, ()>,
    asked: &Asked,
) -> Outcome<Performed> {
    match asked {
        Asked::GetBalance { address: of, token_address } => {
            let of = of.as_deref().map(|text| address("address", text)).transpose()?;
            let token = token_address.as_deref();
            let token = token.map(|text| address("tokenAddress", text)).transpose()?;
            let balance = wallet.balance(of.unwrap_or(wallet.address()), token).await?;
            result(&serde_json::json!({
                "balance": balance.to_decimal_text(),
                "symbol": balance.symbol,
                "decimals": balance.decimals,
            }))
        }
        Asked::GetAllowance { token_address, owner, spender } => {
            let token = address("tokenAddress", token_address)?;
            let owner = owner.as_deref().map(|text| address("owner", text)).transpose()?;
            let owner = owner.unwrap_or(wallet.address());
            let spender = address("spender", spender)?;
            let allowance = wallet.allowance(token, owner, spender).await?;
            result(&serde_json::json!({ "allowance": allowance.to_string() }))
        }
        Asked::GetQuote { token_in, token_out, amount_in, amount_out } => {
            let (from, to) = (address("tokenIn", token_in)?, address("tokenOut", token_out)?);
            let (input, output) = match side(amount_in.as_deref(), amount_out.as_deref())? {
                Side::In(input) => (input, wallet.quote_in(None, from, to, input).await?),
                Side::Out(output) => (wallet.quote_out(None, from, to, output).await?, output),
            };
            let decimals = wallet.balance(wallet.address(), Some(to)).await?.decimals;
            result(&serde_json::json!({
                "amountIn": input.to_string(),
                "amountOut": output.to_string(),
                "amountOutFormatted": format_units(output, decimals),
                "tokenOut": to.to_checksum(None),
                "chain": wallet.chain().name,
            }))
        }
        _ => Err(Refusal::internal("Internal error.")),
    }
}

async fn update(env: &Env, settings: &Settings, change: &Value) -> Outcome<Performed> {
    let mut merged = settings.wallet.merged(change, env)?;
    merged.updated_at = WorkerClock.now().as_millis();
    let unwritable = || Refusal::internal("CONFIG_KV cannot be written.");
    let text = serde_json::to_string(&merged).map_err(|_| unwritable())?;
    let namespace = env.kv("CONFIG_KV").map_err(|_| unwritable())?;
    let put = namespace.put(KEY, text).map_err(|_| unwritable())?;
    put.execute().await.map_err(|_| unwritable())?;
    result(&merged)
}

fn status(env: &Env, settings: &Settings) -> Outcome<Performed> {
    let chains = chains::known(env).into_iter().filter(|chain| settings.has(&chain.name));
    let chains = chains.map(|chain| {
        serde_json::json!({ "name": chain.name, "chainId": chain.id, "currency": chain.coin })
    });
    let security = &settings.wallet.security;
    result(&serde_json::json!({
        "address": keys::account(env, 0)?.address().to_checksum(None),
        "source": keys::source(env),
        "enabled": settings.wallet.enabled,
        "defaultChain": settings.wallet.default_chain,
        "availableChains": chains.collect::<Vec<_>>(),
        "security": {
            "maxTransactionValueUsd": security.max_transaction_value_usd,
            "whitelistedContractsOnly": security.whitelisted_contracts_only,
            "dryRun": security.dry_run,
        },
        "updatedAt": settings.wallet.updated_at,
    }))
}

async fn health(env: &Env, id: RequestId) -> Result<Response> {
    let readable = !Settings::load(env).await.halted;
    let key = keys::account(env, 0).is_ok();
    let body = serde_json::json!({
        "status": if key { "ok" } else { "degraded" },
        "timestamp": WorkerClock.now().as_millis(),
        "halted": !readable,
    });
    json(id, if key { 200 } else { 503 }, &body)
}

/// A count, written as a number or, in a query, as a text.
fn count(field: &str, value: Option<&Value>, default: u32) -> Outcome<u32> {
    let read = match value {
        None => Some(default),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64().and_then(|count| u32::try_from(count).ok()),
    };
    read.ok_or_else(|| Refusal::violation(field, "Must be a whole number."))
}

fn result(value: &impl serde::Serialize) -> Outcome<Performed> {
    serde_json::to_value(value)
        .map(Performed::Result)
        .map_err(|_| Refusal::internal("Internal error."))
}
