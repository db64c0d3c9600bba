//! Sign a transfer and derive an account, beside the bare signature and beside `ethers`.
//!
//! `cargo bench -p hoox-wallet --features ethers --bench wallet`
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use alloy_primitives::keccak256;
use criterion::{Criterion, criterion_group, criterion_main};
use ethers_core::types::transaction::eip2718::TypedTransaction;
use ethers_signers::coins_bip39::English;
use ethers_signers::{LocalWallet, MnemonicBuilder};
use hoox_wallet::ethers::to_transaction;
use hoox_wallet::{Account, Address, Fees, Mnemonic, Transaction, U256};
use k256::ecdsa::SigningKey;

const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const WORDS: &str = "test test test test test test test test test test test junk";

/// An EIP-1559 transfer of coins.
fn transfer() -> Transaction {
    Transaction {
        chain_id: 1,
        nonce: 7,
        to: Some(Address::repeat_byte(0x77)),
        value: U256::from(50_000_000_000_000_000_u64),
        gas_limit: 21_000,
        fees: Fees::Eip1559 { max_fee: 30_000_000_000, priority_fee: 1_000_000_000 },
        ..Transaction::default()
    }
}

fn sign(c: &mut Criterion) {
    let transfer = transfer();
    let mut group = c.benchmark_group("sign_eip1559_transfer");
    let account = Account::from_private_key(KEY).unwrap();
    group.bench_function("hoox", |b| b.iter(|| account.sign(black_box(&transfer)).unwrap()));
    let key = SigningKey::from_slice(&alloy_primitives::hex::decode(KEY).unwrap()).unwrap();
    let digest = keccak256("a digest");
    group.bench_function("bare_k256", |b| {
        b.iter(|| key.sign_prehash_recoverable(black_box(digest.as_slice())).unwrap());
    });
    let theirs: LocalWallet = KEY.parse().unwrap();
    let typed: TypedTransaction = to_transaction(&transfer);
    group.bench_function("ethers", |b| {
        b.iter(|| {
            let typed = black_box(&typed);
            let signature = theirs.sign_transaction_sync(typed).unwrap();
            let raw = typed.rlp_signed(&signature);
            // As ours does, which knows the hash before it sends.
            (keccak256(&raw), raw)
        });
    });
    group.finish();
}

fn derive(c: &mut Criterion) {
    let mut group = c.benchmark_group("mnemonic_to_account_0");
    group.bench_function("hoox", |b| {
        b.iter(|| Mnemonic::new(black_box(WORDS), "").unwrap().account(0).unwrap().address());
    });
    group.bench_function("ethers", |b| {
        b.iter(|| {
            let builder = MnemonicBuilder::<English>::default().phrase(black_box(WORDS));
            builder.index(0_u32).unwrap().build().unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, sign, derive);
criterion_main!(benches);
