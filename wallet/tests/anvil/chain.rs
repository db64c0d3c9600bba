//! Wallets on anvil.

use core::time::Duration;

use hoox_connector::SystemClock;
use hoox_wallet::{
    Account, Chain, FeeLimits, LifeRules, MemoryStore, Policy, Rpc, RpcUrl, TransactionState,
    Wallet, WalletConfig,
};

pub(crate) use crate::anvil::{Anvil, Contracts, ETHER, account};
use crate::transport::Faulty;

/// How long a test waits for a transaction.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type TestWallet = Wallet<&'static Faulty, SystemClock, MemoryStore>;

impl Anvil {
    /// A wallet of anvil's first account, which may do anything.
    pub(crate) fn wallet(&self) -> TestWallet {
        self.wallet_on(Chain::new("anvil", 31337, "ETH"), open())
    }

    /// A wallet of another account.
    pub(crate) fn wallet_for(&self, account: Account, chain: Chain) -> TestWallet {
        let transport = Faulty::leaked();
        let rpc = Rpc::new(transport, SystemClock, chain.id, vec![self.url()]).with_rounds(1);
        Wallet::new(account, chain, rpc, MemoryStore::default(), open()).unwrap()
    }

    pub(crate) fn wallet_on(&self, chain: Chain, config: WalletConfig) -> TestWallet {
        self.faulty_wallet_on(chain, config).0
    }

    /// A wallet of anvil's first account that asks this node first, and then another one.
    pub(crate) fn wallet_with(&self, other: RpcUrl, config: WalletConfig) -> TestWallet {
        let urls = vec![self.url(), other];
        let rpc = Rpc::new(Faulty::leaked(), SystemClock, 31337, urls).with_rounds(1);
        let chain = Chain::new("anvil", 31337, "ETH");
        Wallet::new(account(0), chain, rpc, MemoryStore::default(), config).unwrap()
    }

    /// A wallet of anvil's first account, and the network under it.
    pub(crate) fn faulty_wallet(&self, config: WalletConfig) -> (TestWallet, &'static Faulty) {
        self.faulty_wallet_on(Chain::new("anvil", 31337, "ETH"), config)
    }

    /// The same on a chain with contracts.
    pub(crate) fn faulty_wallet_on(
        &self,
        chain: Chain,
        config: WalletConfig,
    ) -> (TestWallet, &'static Faulty) {
        let network = Faulty::leaked();
        let rpc = Rpc::new(network, SystemClock, chain.id, vec![self.url()]).with_rounds(1);
        let wallet = Wallet::new(account(0), chain, rpc, MemoryStore::default(), config);
        (wallet.unwrap(), network)
    }
}

/// Everything is allowed, and nobody waits long.
pub(crate) fn open() -> WalletConfig {
    let mut config = WalletConfig::new(Policy::open());
    config.life = LifeRules::default();
    config.life.poll = Duration::from_millis(50);
    config.life.superseded_after = Duration::from_millis(100);
    config.fees = FeeLimits::default();
    config
}

/// Waits until a transaction is in a block, and wants it to have done what it should.
pub(crate) async fn succeed(wallet: &TestWallet, id: &str) -> hoox_wallet::Mined {
    let record = wallet.settle(id, 1, PATIENCE).await.unwrap();
    match record.state {
        TransactionState::Confirmed(mined) if mined.succeeded => mined,
        other => panic!("{id}: {other:?}"),
    }
}
