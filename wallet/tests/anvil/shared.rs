//! One store for several wallets: of another chain, of another account, and of other processes.

use core::time::Duration;

use hoox_connector::SystemClock;
use hoox_wallet::{
    Account, Action, Address, Bytes, Chain, MemoryStore, PolicyError, Rpc, TransactionRecord,
    TransactionState, U256, Wallet, WalletConfig, WalletError,
};
use serde_json::{Value, json};

use crate::chain::{Anvil, PATIENCE, TestWallet, account, open};
use crate::transport::Faulty;

const FRIEND: Address = Address::repeat_byte(0x77);

/// Long enough for some looks at the chain.
const SHORT: Duration = Duration::from_millis(400);

type Shared<'s> = Wallet<&'static Faulty, SystemClock, &'s MemoryStore>;

fn pay() -> Action {
    Action::Send { to: FRIEND, value: U256::from(5), data: Bytes::new() }
}

async fn submit(wallet: &TestWallet) -> TransactionRecord {
    wallet.submit("1", &pay(), None).await.unwrap().record().unwrap()
}

/// Another wallet with the same store, and the network under it.
fn another<'s>(
    (anvil, chain_id): (&Anvil, u64),
    of: &'s TestWallet,
    account: Account,
    config: WalletConfig,
) -> (Shared<'s>, &'static Faulty) {
    let network = Faulty::leaked();
    let rpc = Rpc::new(network, SystemClock, chain_id, vec![anvil.url()]).with_rounds(1);
    let chain = Chain::new("anvil", chain_id, "ETH");
    (Wallet::new(account, chain, rpc, of.store(), config).unwrap(), network)
}

/// Both nonces are used there, so that the record would be called superseded.
#[tokio::test]
async fn a_record_of_another_chain_or_account_is_neither_judged_nor_signed_again() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let elsewhere = Anvil::start_as(31338, &[]);
    let (wallet, _) = anvil.faulty_wallet(open());
    let record = submit(&wallet).await;
    for it in [&anvil, &elsewhere] {
        for own in [account(0), account(1)] {
            let _: Value = it.ask("anvil_setNonce", json!([own.address(), "0x9"])).await;
        }
    }
    let mut config = open();
    config.life.stuck_after = Duration::ZERO;
    for (chain, account) in [((&elsewhere, 31338), account(0)), ((&anvil, 31337), account(1))] {
        let (other, network) = another(chain, &wallet, account, config.clone());
        assert_eq!(other.find("1").await, Err(WalletError::Foreign));
        assert_eq!(other.settle("1", 1, SHORT).await, Err(WalletError::Foreign));
        assert_eq!(other.replace("1").await, Err(WalletError::Foreign));
        assert_eq!(other.cancel("1").await, Err(WalletError::Foreign));
        let submitted = other.submit("1", &pay(), None).await;
        assert_eq!(submitted, Err(WalletError::IdReused));
        assert_eq!(other.recover().await, Ok(vec![]));
        assert_eq!(network.broadcasts(), 0);
        assert_eq!(wallet.store().records(), vec![record.clone()]);
    }
}

/// The hash that was executed is none that the first one knew when it began.
#[tokio::test]
async fn what_another_process_replaces_meanwhile_is_followed_too() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let (wallet, _) = anvil.faulty_wallet(open());
    let first = submit(&wallet).await;
    let (other, _) = another((&anvil, 31337), &wallet, account(0), open());
    let replaces = async {
        tokio::time::sleep(SHORT).await;
        let replaced = other.replace("1").await.unwrap();
        for _ in 0..6 {
            anvil.mine(1).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        replaced
    };
    let (settled, replaced) = tokio::join!(wallet.settle("1", 6, PATIENCE), replaces);
    let settled = settled.unwrap();
    let TransactionState::Confirmed(mined) = &settled.state else { panic!("{settled:?}") };
    assert_ne!(Some(mined.hash), first.hash());
    assert_eq!(Some(mined.hash), replaced.hash());
    assert_eq!(wallet.store().records(), vec![settled]);
    assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
}

/// What has come to its end in another's hands is not looked at any longer.
#[tokio::test]
async fn the_end_that_another_process_saw_is_the_end() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let (wallet, _) = anvil.faulty_wallet(open());
    submit(&wallet).await;
    let (other, _) = another((&anvil, 31337), &wallet, account(0), open());
    let ends = async {
        tokio::time::sleep(SHORT).await;
        anvil.mine(1).await;
        other.settle("1", 1, PATIENCE).await.unwrap()
    };
    let (settled, ended) = tokio::join!(wallet.settle("1", 99, PATIENCE), ends);
    assert!(matches!(ended.state, TransactionState::Confirmed(_)), "{ended:?}");
    assert_eq!(settled.unwrap(), ended);
}

#[tokio::test]
async fn a_dry_run_replaces_nothing() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let (wallet, _) = anvil.faulty_wallet(open());
    let record = submit(&wallet).await;
    let mut config = open();
    config.policy.dry_run = true;
    config.life.stuck_after = Duration::ZERO;
    let (dry, network) = another((&anvil, 31337), &wallet, account(0), config);
    let refused = WalletError::Policy(PolicyError::DryRun);
    assert_eq!(dry.replace("1").await, Err(refused.clone()));
    assert_eq!(dry.cancel("1").await, Err(refused));
    let settled = dry.settle("1", 1, SHORT).await.unwrap();
    assert_eq!((settled.attempts, network.broadcasts()), (record.attempts, 0));
}
