//! The same transactions, messages and typed data, signed by us and by `ethers`: byte for byte alike.

#![cfg(feature = "ethers")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ethers_core::types::transaction::eip712::{Eip712 as _, TypedData as TheirTypedData};
use ethers_core::types::transaction::eip2718::TypedTransaction;
use ethers_signers::{LocalWallet, Signer as _};
use hoox_wallet::ethers::{
    EthersError, EthersSigner, from_h256, from_transaction, to_h160, to_transaction,
};
use hoox_wallet::{
    AccessList, AccessListItem, Account, Address, B256, Bytes, Fees, Transaction, TypedData, U256,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::{Value, json};

fn bytes(rng: &mut impl Rng, max: usize) -> Vec<u8> {
    let length = rng.random_range(0..=max);
    (0..length).map(|_| rng.random()).collect()
}

/// A number of any size, small ones as often as large ones.
fn number(rng: &mut impl Rng, bits: usize) -> U256 {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes[..]);
    U256::from_be_bytes(bytes) >> rng.random_range(256 - bits..=256)
}

fn account(rng: &mut impl Rng) -> (Account, LocalWallet) {
    let mut key = [0_u8; 32];
    rng.fill(&mut key[..]);
    let hex = key.map(|byte| format!("{byte:02x}")).concat();
    (Account::from_private_key(&hex).unwrap(), hex.parse().unwrap())
}

fn transaction(rng: &mut impl Rng) -> Transaction {
    let (fees, access_list) = if rng.random() {
        let max_fee = number(rng, 100).to::<u128>();
        let priority_fee = rng.random_range(0..=max_fee);
        let mut items = Vec::new();
        for _ in 0..rng.random_range(0..3) {
            let keys = rng.random_range(0..4);
            items.push(AccessListItem {
                address: Address::new(rng.random()),
                storage_keys: (0..keys).map(|_| B256::new(rng.random())).collect(),
            });
        }
        (Fees::Eip1559 { max_fee, priority_fee }, AccessList(items))
    } else {
        (Fees::Legacy { gas_price: number(rng, 100).to() }, AccessList::default())
    };
    Transaction {
        // As far as `v` of EIP-155 fits 64 bits.
        chain_id: number(rng, 62).to::<u64>().max(1),
        nonce: number(rng, 64).to(),
        to: rng.random_bool(0.9).then(|| Address::new(rng.random())),
        value: number(rng, 256),
        data: Bytes::from(bytes(rng, 200)),
        gas_limit: number(rng, 64).to(),
        fees,
        access_list,
    }
}

#[test]
fn thousands_of_transactions_are_signed_like_ethers_does() {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    for round in 0..4_000 {
        let (ours, theirs) = account(&mut rng);
        let transaction = transaction(&mut rng);
        let request = to_transaction(&transaction);
        let theirs = theirs.with_chain_id(transaction.chain_id);
        let signature = theirs.sign_transaction_sync(&request).unwrap();
        let signed = ours.sign(&transaction).unwrap();
        let expected = request.rlp_signed(&signature);
        assert_eq!(signed.raw.as_ref(), expected.as_ref(), "{round}: {transaction:?}");
        assert_eq!(signed.hash, from_h256(request.hash(&signature)), "{round}");
        assert_eq!(from_transaction(&request).unwrap(), transaction, "{round}");
    }
}

#[tokio::test]
async fn the_signer_of_ethers_gives_what_its_own_wallet_gives() {
    let mut rng = ChaCha12Rng::seed_from_u64(2);
    for round in 0..500 {
        let (ours, theirs) = account(&mut rng);
        let transaction = transaction(&mut rng);
        let ours = EthersSigner::new(ours, 1).with_chain_id(transaction.chain_id);
        let theirs = theirs.with_chain_id(transaction.chain_id);
        assert_eq!((ours.address(), ours.chain_id()), (theirs.address(), theirs.chain_id()));
        let mut request = to_transaction(&transaction);
        assert_eq!(
            ours.sign_transaction(&request).await.unwrap(),
            theirs.sign_transaction(&request).await.unwrap(),
            "{round}"
        );
        let message = bytes(&mut rng, 300);
        assert_eq!(
            ours.sign_message(&message).await.unwrap(),
            theirs.sign_message(&message).await.unwrap(),
            "{round}"
        );
        request.set_chain_id(transaction.chain_id + 1);
        let error = ours.sign_transaction(&request).await.unwrap_err();
        assert!(matches!(error, EthersError::WrongChain { .. }), "{error}");
    }
}

#[test]
fn a_transaction_of_ethers_with_something_missing_is_refused() {
    let whole = to_transaction(&Transaction { chain_id: 1, ..Transaction::default() });
    assert!(from_transaction(&whole).is_ok());
    let mut nameless = whole.clone();
    nameless.set_to("vitalik.eth");
    assert_eq!(from_transaction(&nameless), Err(EthersError::Name));
    let TypedTransaction::Eip1559(request) = whole else { panic!() };
    for (name, request) in [
        ("nonce", {
            let mut it = request.clone();
            it.nonce = None;
            it
        }),
        ("gas limit", {
            let mut it = request.clone();
            it.gas = None;
            it
        }),
        ("maximum fee", {
            let mut it = request.clone();
            it.max_fee_per_gas = None;
            it
        }),
        ("priority fee", {
            let mut it = request.clone();
            it.max_priority_fee_per_gas = None;
            it
        }),
        ("chain id", {
            let mut it = request;
            it.chain_id = None;
            it
        }),
    ] {
        let result = from_transaction(&TypedTransaction::Eip1559(request));
        assert_eq!(result, Err(EthersError::Missing(name)));
    }
}

/// A value of an elementary type, as JSON.
fn value(rng: &mut impl Rng, kind: &str) -> Value {
    let hex = |bytes: Vec<u8>| {
        Value::String(bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}")))
    };
    match kind {
        "address" => json!(to_h160(Address::new(rng.random()))),
        "bool" => json!(rng.random::<bool>()),
        "string" => {
            let length = rng.random_range(0..40);
            json!((0..length).map(|_| rng.random::<char>()).collect::<String>())
        }
        "bytes" => hex(bytes(rng, 80)),
        "bytes32" => hex((0..32).map(|_| rng.random()).collect()),
        "uint8" => json!(rng.random::<u8>()),
        "uint64" => json!(number(rng, 64).to_string()),
        "uint256" => json!(number(rng, 256).to_string()),
        _ => panic!("{kind}"),
    }
}

/// Typed data with nested structs and arrays.
fn typed_data(rng: &mut impl Rng) -> Value {
    const KINDS: &[&str] =
        &["address", "bool", "string", "bytes", "bytes32", "uint8", "uint64", "uint256"];
    let fields = |rng: &mut ChaCha12Rng| -> Vec<(String, &str, bool)> {
        let count = rng.random_range(1..6);
        let field = |at| {
            (format!("field{at}"), KINDS[rng.random_range(0..KINDS.len())], rng.random_bool(0.3))
        };
        (0..count).map(field).collect()
    };
    let mut own = ChaCha12Rng::from_rng(rng);
    let (outer, inner) = (fields(&mut own), fields(&mut own));
    let describe = |fields: &[(String, &str, bool)]| -> Vec<Value> {
        fields
            .iter()
            .map(|(name, kind, array)| {
                json!({"name": name, "type": if *array { format!("{kind}[]") } else { (*kind).into() }})
            })
            .collect()
    };
    let fill = |fields: &[(String, &str, bool)], rng: &mut ChaCha12Rng| -> Value {
        let entry = |(name, kind, array): &(String, &str, bool)| {
            let filled = if *array {
                let length = rng.random_range(0..4);
                Value::Array((0..length).map(|_| value(rng, kind)).collect())
            } else {
                value(rng, kind)
            };
            (name.clone(), filled)
        };
        Value::Object(fields.iter().map(entry).collect())
    };
    let mut types = describe(&outer);
    types.push(json!({"name": "inner", "type": "Inner"}));
    types.push(json!({"name": "inners", "type": "Inner[]"}));
    let mut message = fill(&outer, &mut own);
    message["inner"] = fill(&inner, &mut own);
    let count = own.random_range(0..3);
    message["inners"] = Value::Array((0..count).map(|_| fill(&inner, &mut own)).collect());
    json!({
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Outer": types,
            "Inner": describe(&inner),
        },
        "primaryType": "Outer",
        "domain": {
            "name": value(&mut own, "string"),
            "version": "1",
            "chainId": own.random_range(1_u64..1_000_000),
            "verifyingContract": value(&mut own, "address"),
        },
        "message": message,
    })
}

#[tokio::test]
async fn thousands_of_typed_data_are_signed_like_ethers_does() {
    let mut rng = ChaCha12Rng::seed_from_u64(3);
    for round in 0..2_000 {
        let (ours, theirs) = account(&mut rng);
        let json = typed_data(&mut rng);
        let our_data: TypedData = serde_json::from_value(json.clone()).unwrap();
        let their_data: TheirTypedData = serde_json::from_value(json.clone()).unwrap();
        let digest = their_data.encode_eip712().unwrap();
        assert_eq!(our_data.eip712_signing_hash().unwrap().0, digest, "{round}: {json}");
        let signature = ours.sign_typed_data(&our_data).unwrap();
        let expected = theirs.sign_typed_data(&their_data).await.unwrap();
        assert_eq!(signature.as_bytes().to_vec(), expected.to_vec(), "{round}: {json}");
        let ours = EthersSigner::new(ours, 1);
        assert_eq!(ours.sign_typed_data(&their_data).await.unwrap(), expected, "{round}");
    }
}

/// Mnemonics of every length: for 15 and 21 words BIP-39 has no vectors in English. Of the 2,048 words that
/// may come last both take the same ones, and derive the same accounts.
#[test]
fn mnemonics_of_every_length_are_the_same() {
    use ethers_signers::MnemonicBuilder;
    use ethers_signers::coins_bip39::{English, Mnemonic as Theirs, Wordlist};
    use hoox_wallet::Mnemonic;

    for (count, valid) in [(12, 128), (15, 64), (18, 32), (21, 16), (24, 8)] {
        let first: Vec<&str> = (1..count).map(|at| English::get(at * 83 % 2048).unwrap()).collect();
        let mut taken = Vec::new();
        for last in 0..2048 {
            let words = format!("{} {}", first.join(" "), English::get(last).unwrap());
            if Theirs::<English>::new_from_phrase(&words).is_ok() {
                taken.push(words);
            }
        }
        assert_eq!(taken.len(), valid, "{count}");
        for words in &taken[..2] {
            let theirs = MnemonicBuilder::<English>::default().phrase(words.as_str());
            let theirs = theirs.index(3_u32).unwrap().build().unwrap();
            let ours = Mnemonic::new(words, "").unwrap().account(3).unwrap();
            assert_eq!(to_h160(ours.address()), theirs.address(), "{words}");
        }
        // One that they refuse.
        let last = (0..2048).map(|last| English::get(last).unwrap());
        let mut others = last.map(|last| format!("{} {last}", first.join(" ")));
        let refused = others.find(|words| !taken.contains(words)).unwrap();
        assert!(Mnemonic::new(&refused, "").is_err());
    }
}
