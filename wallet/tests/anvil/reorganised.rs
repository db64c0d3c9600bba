//! Blocks that go away after a transaction had as many on top as were asked for.

use hoox_wallet::{Action, Address, Bytes, TransactionState, U256};
use serde_json::{Value, json};

use crate::chain::{Anvil, open, succeed};

const FRIEND: Address = Address::repeat_byte(0x77);

fn pay(value: u64) -> Action {
    Action::Send { to: FRIEND, value: U256::from(value), data: Bytes::new() }
}

/// Deeper than anybody waited for. The nonce is not given to anything else, and what was signed for it
/// is sent again as it was: so the next payment is not stuck behind a gap, and each is made once.
#[tokio::test]
async fn a_confirmed_transaction_whose_block_is_gone_is_sent_again_as_it_was() {
    for fills in [false, true] {
        let anvil = Anvil::start();
        let (wallet, _) = anvil.faulty_wallet(open());
        let first = wallet.submit("1", &pay(5), None).await.unwrap().record().unwrap();
        anvil.mine(2).await;
        let record = wallet.settle("1", 3, crate::chain::PATIENCE).await.unwrap();
        assert!(matches!(record.state, TransactionState::Confirmed(_)));
        let _: Value = anvil.ask("evm_setAutomine", json!([false])).await;
        let _: Value = anvil.ask("anvil_rollback", json!([3])).await;
        let _: Value = anvil.ask("anvil_dropAllTransactions", json!([])).await;
        assert_eq!(
            (anvil.count(wallet.address()).await, anvil.balance(FRIEND).await),
            (0, U256::ZERO)
        );
        let second = wallet.submit("2", &pay(7), None).await.unwrap().record().unwrap();
        assert_eq!(second.nonce, 1);
        match fills {
            true => assert_eq!(wallet.fill_gaps().await.unwrap(), 1),
            false => drop(wallet.recover().await.unwrap()),
        }
        anvil.mine(1).await;
        succeed(&wallet, "2").await;
        let kept = wallet.find("1").await.unwrap();
        assert_eq!((kept.hash(), kept.attempts.len()), (first.hash(), 1));
        assert_eq!(anvil.count(wallet.address()).await, 2);
        assert_eq!(anvil.balance(FRIEND).await, U256::from(12));
        assert_eq!(wallet.store().records().len(), 2);
    }
}
