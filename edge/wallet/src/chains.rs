//! Chains and their nodes (wallet.md §2). A chain's requests go to its own nodes and to no others.

use std::cell::RefCell;
use std::collections::BTreeMap;

use hoox_edge::{FetchTransport, WorkerClock, secret};
use hoox_wallet::{Chain, REPLY_MAX, Rpc, RpcUrl};
use worker::Env;

use crate::refusal::Refusal;
use crate::settings::Settings;

pub(crate) type Nodes = Rpc<FetchTransport, WorkerClock>;

/// The chains that are enabled unless the configuration says otherwise.
pub(crate) const ENABLED: [&str; 2] = ["ethereum", "bsc"];

/// The chain of anvil and Hardhat, on a developer's machine only (wallet.md §13).
const LOCAL: (&str, u64) = ("local", 31337);

thread_local! {
    /// Each remembers that its chain id was checked.
    static KEPT: RefCell<BTreeMap<u64, Nodes>> = const { RefCell::new(BTreeMap::new()) };
}

/// Every chain there is here.
pub(crate) fn known(env: &Env) -> Vec<Chain> {
    let mut known = Chain::known();
    // Absent means production.
    let environment = env.var("ENVIRONMENT").map(|text| text.to_string());
    if environment.is_ok_and(|text| text == "development" || text == "test") {
        known.push(Chain::new(LOCAL.0, LOCAL.1, "ETH"));
    }
    known
}

/// The chain of this name, or the default.
pub(crate) fn named(env: &Env, settings: &Settings, name: Option<&str>) -> Result<Chain, Refusal> {
    let name = name.unwrap_or(&settings.wallet.default_chain);
    let chain = known(env).into_iter().find(|chain| chain.name == name);
    chain.ok_or_else(|| Refusal::violation("chain", "There is no such chain."))
}

/// The nodes of a chain.
pub(crate) fn nodes(env: &Env, settings: &Settings, chain: &Chain) -> Result<Nodes, Refusal> {
    if let Some(kept) = KEPT.with_borrow(|kept| kept.get(&chain.id).cloned()) {
        return Ok(kept);
    }
    let own = secret(env, &format!("RPC_PROVIDER_URL_{}", chain.name.to_ascii_uppercase()));
    let urls = own.or_else(|| {
        let is_default = chain.name == settings.wallet.default_chain;
        is_default.then(|| secret(env, "RPC_PROVIDER_URL")).flatten()
    });
    let urls = urls.ok_or_else(|| Refusal::internal("No node is configured for the chain."))?;
    let urls = urls.expose().split(',').map(|url| RpcUrl::parse(url.trim()));
    let urls = urls.collect::<Result<Vec<_>, _>>().map_err(|error| {
        Refusal::internal(format!("The configured node cannot be used: {error}."))
    })?;
    let transport = FetchTransport::default().with_reply_max(REPLY_MAX);
    let nodes = Rpc::new(transport, WorkerClock, chain.id, urls);
    KEPT.with_borrow_mut(|kept| kept.insert(chain.id, nodes.clone()));
    Ok(nodes)
}
