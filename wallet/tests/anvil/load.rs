use futures_util::{StreamExt, stream};
use hoox_wallet::{Action, Address, Bytes, U256};
use std::collections::BTreeSet;

use crate::chain::{Anvil, succeed};

/// One account, 1,000 transfers, 32 in flight.
#[tokio::test]
async fn a_thousand_transfers_use_each_nonce_once() {
    const COUNT: u64 = 1_000;
    let anvil = Anvil::start_with(&["--block-time", "1"]);
    let wallet = anvil.wallet();
    let friend = Address::repeat_byte(0x77);
    let send = |number: u64| {
        let wallet = &wallet;
        async move {
            let action = Action::Send { to: friend, value: U256::from(1), data: Bytes::new() };
            let result = wallet.submit(&format!("{number}"), &action, None).await;
            result.unwrap().record().unwrap().nonce
        }
    };
    let nonces: BTreeSet<u64> =
        stream::iter((0..COUNT).map(send)).buffer_unordered(32).collect().await;
    assert_eq!(nonces, (0..COUNT).collect());
    let settle = |number: u64| {
        let wallet = &wallet;
        async move { succeed(wallet, &number.to_string()).await }
    };
    let _: Vec<_> = stream::iter((0..COUNT).map(settle)).buffer_unordered(32).collect().await;
    assert_eq!(anvil.count(wallet.address()).await, COUNT);
    assert_eq!(anvil.balance(friend).await, U256::from(COUNT));
}
