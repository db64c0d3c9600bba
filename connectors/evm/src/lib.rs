//! Token pairs on an EVM chain as a trading venue.
//!
//! In scope: pairs of tokens and their pools as instruments ([`Pair`]), orders as swaps on Uniswap V2
//! and V3 and forks of them, quotes as prices, receipts as fills with the gas as their fee; and
//! [`Swaps`], which is to a chain what a desk over a client is to an exchange: an
//! [`Exchange`](hoox_connector::Exchange). Out of scope: keys, nonces, fees and the life of a
//! transaction, which are `hoox-wallet`'s; routing over several pools; orders that rest.
//!
//! What an order becomes:
//!
//! | order | swap |
//! |---|---|
//! | market, buy a quantity | exactly the quantity out, at most the quote and the slippage in |
//! | market, sell a quantity | exactly the quantity in, at least the quote less the slippage out |
//! | market, for an amount of the quote token | the same, with the amount fixed |
//! | limit, fill or kill | the limit is the bound; the pool fills it whole or the call is reverted |
//! | anything else | [`NotSupported`](hoox_connector::EncodeError::NotSupported), before anything is signed |
//!
//! Exactly once: the client order id names the wallet's record, which holds the signed bytes and their
//! hash before they are sent. Whoever asks for the order looks up that hash; an order is never signed
//! a second time under another nonce.

mod abi;
mod listed;
mod number;
mod order;
mod pair;
mod refused;
mod report;
mod swaps;

pub use pair::Pair;
pub use swaps::{SetupError, SwapRules, Swaps};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
