use hoox_connector::Symbol;
use hoox_wallet::Address;

/// Two tokens that are traded for each other, and under which symbol.
///
/// Tokens are named by their addresses: a symbol that a token gives itself is no proof of anything. The
/// zero address stands for the native coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    pub(crate) symbol: Option<Symbol>,
    pub(crate) base: Address,
    pub(crate) quote: Address,
    pub(crate) fee: Option<u32>,
}

impl Pair {
    /// `base`, priced in `quote`. Its symbol is made of those of the tokens, in capitals, letters and
    /// digits alone: `WETHUSDC`.
    pub const fn new(base: Address, quote: Address) -> Self {
        Self { symbol: None, base, quote, fee: None }
    }

    /// The same under another symbol: for tokens whose own ones are taken, or are none.
    #[must_use]
    pub const fn called(mut self, symbol: Symbol) -> Self {
        self.symbol = Some(symbol);
        self
    }

    /// The same in the pool of Uniswap V3 that takes this fee, in hundredths of a basis point (500,
    /// 3000, 10000). Without effect on Uniswap V2; without it, the fee of the chain's router counts.
    #[must_use]
    pub const fn with_fee(mut self, fee: u32) -> Self {
        self.fee = Some(fee);
        self
    }

    /// The token that is traded.
    pub const fn base(&self) -> Address {
        self.base
    }

    /// The token it is priced in.
    pub const fn quote(&self) -> Address {
        self.quote
    }
}
