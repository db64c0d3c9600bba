//! What `hoox serve` keeps, as other programs read it: see [`ledger`].

pub mod ledger;
