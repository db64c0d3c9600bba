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

/// Transactions of EIP-1559 signed by others, in the test suite of ethereumjs (`tx`, `eip1559.json`):
/// nonce, value, gas limit, tip, bound, and the signed bytes. All of one key, on chain 7822.
const EIP_1559: &[(u64, u64, u64, u128, u128, &str)] = &[
    (
        819,
        43_203_529,
        35_552,
        75_853,
        121_212,
        "0x02f870821e8e8203338301284d8301d97c828ae094000000000000000000000000000000000000aaaa8402933bc980c080a0d067f2167008c59219652f91cbf8788dbca5f771f6e91e2b7657e85b78b472e0a01d305af9fe81fdba43f0dfcd400ed24dcace0a7e30d4e85701dcaaf484cd079e",
    ),
    (
        353,
        61_901_619,
        32_593,
        38_850,
        136_295,
        "0x02f86f821e8e8201618297c283021467827f5194000000000000000000000000000000000000aaaa8403b08b3380c001a004205678f13fc1d7b10feea6513dfa76e24418b6e08097d95c6f93a3b64e536da01d45ad61bfece43862de2cce7d2575a8c1d08c26c87f3cb5f26d7b0be54a91b2",
    ),
    (
        119,
        65_456_115,
        62_341,
        24_721,
        107_729,
        "0x02f86d821e8e778260918301a4d182f38594000000000000000000000000000000000000aaaa8403e6c7f380c001a0e38e239770801eb995498c821e55ac9c19ae09184bb27b34be105e02fe3b7615a067c64ca6bd6d9107e85fd581ab2e70a14b637eb36505bb40861ef9d6e800cab6",
    ),
];

#[test]
fn a_transaction_is_signed_as_eip_1559_says_to_the_byte() {
    let key = "0x8f2a55949038a9610f50fb23b5883af3b4ecb3c3bb792cbcefbd1542c692be63";
    let account = Account::from_private_key(key).unwrap();
    for &(nonce, value, gas_limit, priority_fee, max_fee, signed) in EIP_1559 {
        let transaction = Transaction {
            chain_id: 7822,
            nonce,
            to: Some(parse_address("0x000000000000000000000000000000000000aaaa").unwrap()),
            value: U256::from(value),
            gas_limit,
            fees: Fees::Eip1559 { max_fee, priority_fee },
            ..Transaction::default()
        };
        assert_eq!(account.sign(&transaction).unwrap().raw.to_string(), signed);
    }
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
