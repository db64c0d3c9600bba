//! A chain with a pool, and an account that trades there.

use core::time::Duration;

use hoox_connector::{
    Accepted, ClientOrderId, Decimal, Exchange, NewOrder, OrderReport, OrderStatus, Outcome,
    PreparedOrder, Refused, Side, Symbol, SystemClock, Venue,
};
use hoox_evm::{Pair, SwapRules, Swaps};
use hoox_wallet::{
    Action, Address, Chain, MemoryStore, Policy, Rpc, SwapRequest, SwapSize, U256, Wallet,
    WalletConfig,
};
use serde_json::{Value, json};

use crate::anvil::{Anvil, ETHER, account};
use crate::transport::Faulty;

pub(crate) const COIN: Address = Address::ZERO;

pub(crate) type TestSwaps = Swaps<&'static Faulty, SystemClock, &'static MemoryStore>;

pub(crate) fn ether(count: u64) -> U256 {
    U256::from(count) * U256::from(ETHER)
}

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub(crate) fn id(text: &str) -> ClientOrderId {
    ClientOrderId::portable(text).unwrap()
}

/// More than any swap takes. A fresh pair writes two empty slots in its first swap of a new second,
/// which an estimate within the second does not see, and no margin in percent covers.
const GAS: Option<u64> = Some(400_000);

pub(crate) fn patient() -> WalletConfig {
    let mut config = WalletConfig::new(Policy::open());
    config.life.poll = Duration::from_millis(50);
    config
}

/// A pool of 1,000 coins and 1,000 tokens, called PLN, of which the account has 2,000.
pub(crate) struct Market {
    pub(crate) anvil: Anvil,
    pub(crate) chain: Chain,
    pub(crate) token: Address,
    pub(crate) wrapped: Address,
    /// Outlives the accounts: what a process that begins again finds.
    pub(crate) store: &'static MemoryStore,
}

impl Market {
    pub(crate) async fn open(v3: bool) -> Self {
        let anvil = Anvil::start();
        let wrapped = anvil.wrapped().await;
        let token = anvil.token(account(0).address(), ether(2_000)).await;
        let router = match v3 {
            true => anvil.uniswap_v3(wrapped, token, ether(1_000)).await,
            false => anvil.uniswap_v2(wrapped, token, ether(1_000), ether(1_000)).await,
        };
        let chain = Chain::new("anvil", 31337, "ETH").with_wrapped(wrapped).with_router(router);
        let store = Box::leak(Box::new(MemoryStore::default()));
        Self { anvil, chain, token, wrapped, store }
    }

    /// An account that trades PLN for coins (`PLNETH`), coins for PLN (`ETHPLN`), and PLN for the
    /// wrapped coin, under the name `PLNWETH`; and the network under it.
    pub(crate) fn swaps(&self) -> (TestSwaps, &'static Faulty) {
        let network = Faulty::leaked();
        let pairs = vec![
            Pair::new(self.token, COIN),
            Pair::new(COIN, self.token),
            Pair::new(self.token, self.wrapped).called(symbol("PLNWETH")),
        ];
        (self.trading(network, pairs, patient()), network)
    }

    /// An account with other pairs, or under other limits.
    pub(crate) fn trading(
        &self,
        network: &'static Faulty,
        pairs: Vec<Pair>,
        config: WalletConfig,
    ) -> TestSwaps {
        let rpc = Rpc::new(network, SystemClock, 31337, vec![self.anvil.url()]).with_rounds(1);
        let wallet = Wallet::new(account(0), self.chain.clone(), rpc, self.store, config);
        let mut rules = SwapRules::default();
        rules.gas_limit = GAS;
        Swaps::new(Venue::Ethereum, wallet.unwrap(), pairs, rules).unwrap()
    }

    /// Somebody else buys 50 coins' worth of tokens, and pays so much gas that it comes first.
    pub(crate) async fn front_run(&self) {
        let network = Faulty::leaked();
        let rpc = Rpc::new(network, SystemClock, 31337, vec![self.anvil.url()]);
        let store = MemoryStore::default();
        let wallet = Wallet::new(account(1), self.chain.clone(), rpc, store, patient()).unwrap();
        let action = Action::Swap(SwapRequest {
            token_in: COIN,
            token_out: self.token,
            size: SwapSize::ExactIn { input: ether(50), min_output: None },
            slippage_bps: 50,
            recipient: None,
            deadline: None,
            router: None,
        });
        wallet.submit("front", &action, GAS).await.unwrap();
        wallet.replace("front").await.unwrap();
    }

    /// Whether each transaction is put into a block at once, or waits for one.
    pub(crate) async fn mines(&self, at_once: bool) {
        let _: Value = self.anvil.ask("evm_setAutomine", json!([at_once])).await;
        if at_once {
            self.anvil.mine(1).await;
        }
    }

    /// How many of our transactions are in blocks.
    pub(crate) async fn count(&self) -> u64 {
        self.anvil.count(account(0).address()).await
    }
}

/// Prepares an order by its instrument's rules.
pub(crate) async fn prepared(swaps: &TestSwaps, order: NewOrder) -> PreparedOrder {
    let instrument = swaps.instrument(order.symbol).await.unwrap().unwrap();
    instrument.prepare(&order, None).unwrap()
}

/// A market order for a quantity.
pub(crate) async fn market(
    swaps: &TestSwaps,
    name: &str,
    side: Side,
    on: &str,
    quantity: &str,
) -> Result<Outcome, Refused> {
    let order = NewOrder::market(symbol(on), side, dec(quantity)).client_order_id(id(name));
    swaps.place(&prepared(swaps, order).await).await
}

pub(crate) fn accepted(outcome: Result<Outcome, Refused>) -> Accepted {
    match outcome {
        Ok(Outcome::Accepted(accepted)) => accepted,
        other => panic!("{other:?}"),
    }
}

/// Asks for an order until it has ended.
pub(crate) async fn ended(swaps: &TestSwaps, on: &str, name: &str) -> OrderReport {
    loop {
        let report = swaps.find(symbol(on), id(name)).await.unwrap().unwrap();
        if report.status != OrderStatus::New {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
