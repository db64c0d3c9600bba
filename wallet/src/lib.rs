//! An EVM wallet: keys, signed transactions, nonces, fees, tokens and swaps.
//!
//! In scope: accounts from a mnemonic or a private key ([`Mnemonic`], [`Account`]), transactions and
//! their signatures ([`Transaction`]), messages by EIP-191 and EIP-712; the nodes of a chain ([`Rpc`]);
//! and a [`Wallet`] that signs, stores, sends and follows transactions under a [`Policy`] and
//! [`FeeLimits`]. Out of scope: names (ENS), key files, hardware keys, and any I/O of its own: the
//! network is a `Transport`, the disk a [`TransactionStore`].
//!
//! Amounts are [`U256`] in the smallest unit of their asset; text in whole coins is read and written
//! exactly by [`parse_units`] and [`format_units`].
//!
//! ```
//! use hoox_wallet::{Fees, Mnemonic, Transaction, U256, parse_address, parse_units};
//!
//! let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
//!              abandon about";
//! let account = Mnemonic::new(words, "")?.account(0)?;
//! assert_eq!(account.address().to_string(), "0x9858EfFD232B4033E47d90003D41EC34EcaEda94");
//!
//! let gwei = 1_000_000_000;
//! let signed = account.sign(&Transaction {
//!     chain_id: 1,
//!     nonce: 0,
//!     to: Some(parse_address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")?),
//!     value: parse_units("0.05", 18)?,
//!     gas_limit: 21_000,
//!     fees: Fees::Eip1559 { max_fee: 30 * gwei, priority_fee: gwei },
//!     ..Transaction::default()
//! })?;
//! assert_eq!(signed.raw[0], 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod action;
mod address;
mod amount;
mod chain;
#[cfg(feature = "ethers")]
pub mod ethers;
mod fees;
mod life;
mod mnemonic;
mod nonce;
mod policy;
mod record;
mod revert;
mod rpc;
mod store;
mod token;
mod transaction;
pub mod uniswap;
mod wallet;
mod worth;

pub use account::{Account, KeyError, TypedData};
pub use action::{Action, Asset, Call, Spend, SwapRequest, SwapSize};
pub use address::{AddressError, checked_recipient, parse_address};
pub use alloy_eips::eip2930::{AccessList, AccessListItem};
pub use alloy_primitives::{Address, B256, Bytes, Signature, U64, U256};
pub use amount::{AmountError, format_units, parse_integer, parse_units};
pub use chain::{COIN_DECIMALS, Chain};
pub use fees::{FeeError, FeeLimits, GasMarket};
pub use life::{BroadcastAnswer, Event, Life, LifeRules, Sighting, Step};
pub use mnemonic::Mnemonic;
pub use nonce::{NonceError, NonceReport, choose_nonce};
pub use policy::{AllowList, DailyLimit, Policy, PolicyError, SpendLimit};
pub use record::{Attempt, Mined, TransactionRecord, TransactionState};
pub use revert::Revert;
pub use rpc::{
    Answer, BlockTag, FeeHistory, Log, NodeError, Question, REPLY_MAX, Receipt, Rpc, RpcError,
    RpcUrl, UrlError,
};
pub use store::{
    AllocateError, Allocated, DAY, Gate, Gated, MemoryStore, NewTransaction, StoreUnavailable,
    TransactionStore, Turn, spent,
};
pub use transaction::{Fees, SignError, SignedTransaction, Transaction};
pub use uniswap::Router;
pub use wallet::{
    Evidence, Rehearsal, Submitted, TokenAmount, Wallet, WalletConfig, WalletError, steps_before,
};
pub use worth::{Prices, USD_DECIMALS, usd_millionths};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
