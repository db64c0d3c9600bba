//! Signatures of messages, against the documents that define them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use hoox_wallet::{Account, Fees, Transaction, TypedData, U256, parse_address};
use serde_json::json;

/// The documentation of web3.js, `eth.accounts.sign`.
#[test]
fn a_message_is_signed_as_eip_191_says() {
    let key = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
    let signature = Account::from_private_key(key).unwrap().sign_message(b"Some data").unwrap();
    assert_eq!(
        signature.to_string(),
        "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
    );
}

/// The example of EIP-712, signed with the key keccak256("cow").
#[test]
fn typed_data_is_signed_as_eip_712_says() {
    let data: TypedData = serde_json::from_value(json!({
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Person": [
                {"name": "name", "type": "string"},
                {"name": "wallet", "type": "address"},
            ],
            "Mail": [
                {"name": "from", "type": "Person"},
                {"name": "to", "type": "Person"},
                {"name": "contents", "type": "string"},
            ],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail",
            "version": "1",
            "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
            "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
            "contents": "Hello, Bob!",
        },
    }))
    .unwrap();
    let key = "c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4";
    let account = Account::from_private_key(key).unwrap();
    assert_eq!(
        account.address(),
        parse_address("0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826").unwrap()
    );
    assert_eq!(
        data.eip712_signing_hash().unwrap().to_string(),
        "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    );
    assert_eq!(
        account.sign_typed_data(&data).unwrap().to_string(),
        "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
    );
}

#[test]
fn typed_data_that_lacks_what_it_names_is_refused() {
    let data: TypedData = serde_json::from_value(json!({
        "types": {"Mail": [{"name": "contents", "type": "string"}]},
        "primaryType": "Mail",
        "domain": {},
        "message": {"other": "text"},
    }))
    .unwrap();
    let account = Account::from_private_key(&"46".repeat(32)).unwrap();
    assert!(account.sign_typed_data(&data).is_err());
}

/// What was signed recovers to who signed it, in both forms.
#[test]
fn a_signed_transaction_names_its_sender() {
    use alloy_consensus::transaction::SignerRecoverable;
    use alloy_eips::Decodable2718;

    let account = Account::from_private_key(&"46".repeat(32)).unwrap();
    for fees in [Fees::Legacy { gas_price: 5 }, Fees::Eip1559 { max_fee: 9, priority_fee: 1 }] {
        let transaction = Transaction {
            chain_id: 137,
            nonce: 3,
            to: Some(account.address()),
            value: U256::from(7),
            gas_limit: 21_000,
            fees,
            ..Transaction::default()
        };
        let signed = account.sign(&transaction).unwrap();
        let read = alloy_consensus::TxEnvelope::decode_2718(&mut signed.raw.as_ref()).unwrap();
        assert_eq!(read.recover_signer().unwrap(), account.address());
        assert_eq!(*read.tx_hash(), signed.hash);
    }
}
