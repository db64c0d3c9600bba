//! What the program keeps, as other programs read it: the signals and orders of `hoox serve` in
//! [`ledger`], the transactions of `hoox wallet` in [`transactions`].

pub mod ledger;
pub mod transactions;
