//! A gap between nonces, as a refusal leaves one.

use std::path::Path;

use hoox_connector::Clock;
use hoox_ledger::transactions::SqliteTransactions;
use hoox_wallet::{
    Action, Address, Bytes, Chain, Policy, Rpc, TransactionState, TransactionStore, U256, Wallet,
    WalletConfig,
};

use crate::anvil::{Anvil, account};
use crate::transport::{Fault, Faulty};

pub(crate) const FRIEND: Address = Address::repeat_byte(0x77);

/// Leaves two payments of one wei in the data directory: one that was refused, and one after it that
/// waits in the node for its nonce.
pub(crate) async fn gap(anvil: &Anvil, data: &Path, clock: impl Clock) {
    let network = Faulty::leaked();
    let rpc = Rpc::new(network, clock, 31337, vec![anvil.url()]);
    let store = SqliteTransactions::open(data).unwrap();
    let config = WalletConfig::new(Policy::open());
    let chain = Chain::new("anvil", 31337, "ETH");
    let wallet = Wallet::new(account(0), chain, rpc, store, config).unwrap();
    let pay = Action::Send { to: FRIEND, value: U256::from(1), data: Bytes::new() };
    network.fail("eth_sendRawTransaction", Fault::LostRequest);
    for (id, nonce) in [("first", 0), ("second", 1)] {
        let record = wallet.submit(id, &pay, None).await.unwrap().record().unwrap();
        assert_eq!(record.nonce, nonce);
    }
    let refused = TransactionState::Refused { reason: "insufficient funds".into() };
    wallet.store().set_state("first", &refused).await.unwrap();
    assert_eq!(anvil.count(wallet.address()).await, 0);
}
