//! Quantities: the venue counts in contracts, a neutral value in the base asset.

use hoox_connector::{
    Decimal, Instrument, OperationKind as Kind, Symbol, VenueError, exact_product,
};

use super::malformed;
use crate::Mexc;

/// Contracts to base asset.
#[derive(Clone, Copy)]
pub(crate) struct Base<'a> {
    pub(crate) mexc: &'a Mexc,
    pub(crate) op: Kind,
}

impl<'a> Base<'a> {
    /// The base asset in `contracts` of `symbol`.
    ///
    /// # Errors
    /// [`VenueError::Malformed`] naming the symbol, if its contract size is not known or the quantity
    /// cannot be told exactly.
    pub(super) fn quantity(
        &self,
        symbol: Symbol,
        contracts: Decimal,
    ) -> Result<Decimal, VenueError> {
        self.of(symbol)?.quantity(contracts)
    }

    /// The contracts of one symbol, for more than one quantity.
    ///
    /// # Errors
    /// As [`quantity`](Self::quantity).
    #[inline]
    pub(crate) fn of(&self, symbol: Symbol) -> Result<Contracts<'a>, VenueError> {
        let found = self.mexc.instruments.find(&symbol);
        match found.and_then(|instrument| Some((instrument, instrument.contract_size?))) {
            Some((instrument, size)) => Ok(Contracts { instrument, size, op: self.op }),
            None => {
                let problem = format!("no contract size is known for {symbol}");
                Err(malformed(self.op, "symbol", problem))
            }
        }
    }
}

/// What a contract of one symbol is.
pub(crate) struct Contracts<'a> {
    pub(crate) instrument: &'a Instrument,
    size: Decimal,
    op: Kind,
}

impl Contracts<'_> {
    #[inline]
    pub(crate) fn quantity(&self, contracts: Decimal) -> Result<Decimal, VenueError> {
        exact_product(contracts, self.size).ok_or_else(|| {
            let symbol = self.instrument.venue_symbol;
            let problem = format!("{symbol}: needs more digits than can be kept exactly");
            malformed(self.op, "vol", problem)
        })
    }
}
