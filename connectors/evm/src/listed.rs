//! A pair with what the chain says of it: the tokens' decimals and symbols, and the pool.

use hoox_connector::{
    Asset, Clock, Decimal, Error, Instrument, InstrumentStatus, LotRule, Market, RejectReason,
    Rejection, Symbol, Transport, Venue,
};
use hoox_wallet::{
    Address, Bytes, COIN_DECIMALS, Question, Router, TokenAmount, TransactionStore, U256, Wallet,
    WalletError,
};

use crate::abi;
use crate::number::{DECIMALS_MAX, to_decimal};
use crate::pair::Pair;
use crate::refused::unanswered;

/// One side of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The zero address for the native coin.
    pub(crate) address: Address,
    pub(crate) asset: Asset,
    pub(crate) decimals: u8,
}

/// A pair that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) router: Router,
    pub(crate) base: Token,
    pub(crate) quote: Token,
    /// What the pool holds of the base token.
    pub(crate) reserve: U256,
    pub(crate) instrument: Instrument,
}

/// What a pool holds.
pub(crate) struct Pool {
    pub(crate) base: TokenAmount,
    pub(crate) quote: TokenAmount,
    /// Whether anybody trades there: it exists, and has liquidity at its price.
    pub(crate) is_open: bool,
}

/// Looks a pair up.
pub(crate) async fn look_up<T: Transport, C: Clock, S: TransactionStore>(
    wallet: &Wallet<T, C, S>,
    venue: Venue,
    pair: &Pair,
) -> Result<Listed, Error> {
    let chain = wallet.chain();
    let no_route = || unanswered(WalletError::NoRoute);
    let router = match (chain.router.ok_or_else(no_route)?, pair.fee) {
        (Router::V3 { router, quoter, .. }, Some(fee)) => Router::V3 { router, quoter, fee },
        (router, _) => router,
    };
    let token = |side: Address| if side.is_zero() { chain.wrapped } else { Some(side) };
    let (base, quote) = (token(pair.base), token(pair.quote));
    let (base, quote) = base.zip(quote).ok_or_else(no_route)?;
    let factory = ask_address(wallet, router.address(), abi::factory()).await?;
    let fee = match router {
        Router::V3 { fee, .. } => Some(fee),
        _ => None,
    };
    let pool = ask_address(wallet, factory, abi::pool(base, quote, fee)).await?;
    let balance = async |token| wallet.balance(pool, Some(token)).await.map_err(unanswered);
    let (base, quote) = (balance(base).await?, balance(quote).await?);
    let mut is_open = !pool.is_zero() && !base.amount.is_zero() && !quote.amount.is_zero();
    if is_open && fee.is_some() {
        let answer = ask(wallet, pool, abi::liquidity()).await?;
        is_open = abi::read_is_zero(&answer) == Some(false);
    }
    let named = |side: Address, amount: TokenAmount| match side.is_zero() {
        true => TokenAmount { decimals: COIN_DECIMALS, symbol: chain.coin.clone(), ..amount },
        false => amount,
    };
    let pool = Pool { base: named(pair.base, base), quote: named(pair.quote, quote), is_open };
    Listed::new(venue, pair, router, &pool)
}

impl Listed {
    /// The pair with what was found out.
    pub(crate) fn new(
        venue: Venue,
        pair: &Pair,
        router: Router,
        pool: &Pool,
    ) -> Result<Self, Error> {
        let base = Token::new(pair.base, &pool.base)?;
        let quote = Token::new(pair.quote, &pool.quote)?;
        let symbol = match pair.symbol {
            Some(symbol) => symbol,
            None => neutral(&pool.base.symbol, &pool.quote.symbol)?,
        };
        let reserve = pool.base.amount;
        let mut instrument = Instrument::new(venue, Market::Spot, symbol);
        let step = Some(Decimal::new(1, u32::from(base.decimals)));
        instrument.base = Some(base.asset);
        instrument.quote = Some(quote.asset);
        instrument.lot = LotRule { min: step, max: None, step };
        // Nobody buys more than there is, and who sells as much gets half of what it is worth.
        instrument.market_lot.max = to_decimal(reserve, base.decimals);
        instrument.quote_step = Some(Decimal::new(1, u32::from(quote.decimals)));
        if !pool.is_open {
            instrument.status = InstrumentStatus::Halted;
        }
        Ok(Self { router, base, quote, reserve, instrument })
    }

    pub(crate) fn symbol(&self) -> Symbol {
        self.instrument.symbol
    }
}

impl Token {
    fn new(address: Address, told: &TokenAmount) -> Result<Self, Error> {
        if told.decimals > DECIMALS_MAX {
            return Err(unusable(&format!("{address} has {} decimals", told.decimals)));
        }
        let asset = Asset::new(&told.symbol);
        let asset = asset.map_err(|_| unusable(&format!("{address} has no usable symbol")))?;
        Ok(Self { address, asset, decimals: told.decimals })
    }
}

/// The symbol of two tokens, in the spelling of signals.
fn neutral(base: &str, quote: &str) -> Result<Symbol, Error> {
    let letters = base.chars().chain(quote.chars()).filter(char::is_ascii_alphanumeric);
    let text: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
    Symbol::new(&text).map_err(|_| unusable(&format!("`{base}` and `{quote}` make no symbol")))
}

fn unusable(problem: &str) -> Error {
    Error::Rejected(Rejection::new(RejectReason::UnknownSymbol, 0, problem))
}

async fn ask<T: Transport, C: Clock, S>(
    wallet: &Wallet<T, C, S>,
    to: Address,
    data: Bytes,
) -> Result<Bytes, Error> {
    let question = Question::call(None, Some(to), U256::ZERO, &data);
    wallet.rpc().ask(question).await.map_err(|error| unanswered(error.into()))
}

async fn ask_address<T: Transport, C: Clock, S>(
    wallet: &Wallet<T, C, S>,
    to: Address,
    data: Bytes,
) -> Result<Address, Error> {
    let answer = ask(wallet, to, data).await?;
    abi::read_address(&answer).ok_or_else(|| unanswered(WalletError::NotUnderstood(to)))
}

#[cfg(test)]
mod tests {
    use hoox_connector::{Filter, NewOrder, Side};

    use super::*;

    fn amount(amount: u64, decimals: u8, symbol: &str) -> TokenAmount {
        TokenAmount { amount: U256::from(amount), decimals, symbol: symbol.into() }
    }

    fn listed(base: TokenAmount, quote: TokenAmount, is_open: bool) -> Result<Listed, Error> {
        let pair = Pair::new(Address::repeat_byte(1), Address::repeat_byte(2));
        let router = Router::V2 { router: Address::repeat_byte(3) };
        Listed::new(Venue::Base, &pair, router, &Pool { base, quote, is_open })
    }

    #[test]
    fn quantities_are_rounded_to_the_tokens_decimals_and_never_up() {
        let listed = listed(amount(5_000_000, 6, "wstETH"), amount(9, 2, "USD.c"), true).unwrap();
        let symbol = Symbol::new("WSTETHUSDC").unwrap();
        assert_eq!(listed.symbol(), symbol);
        let sell = |text: &str| {
            let order = NewOrder::market(symbol, Side::Sell, text.parse().unwrap());
            listed.instrument.prepare(&order, None).map(|it| it.quantity().unwrap().to_string())
        };
        assert_eq!(sell("1.2345678").unwrap(), "1.234567");
        assert_eq!(sell("0.0000009").unwrap_err().filter, Filter::StepSize);
        assert_eq!(sell("5.1").unwrap_err().filter, Filter::MarketMaxQuantity);
    }

    #[test]
    fn a_pair_without_a_pool_takes_no_orders() {
        let listed = listed(amount(0, 6, "A"), amount(0, 6, "B"), false).unwrap();
        let order = NewOrder::market(listed.symbol(), Side::Buy, Decimal::ONE);
        assert_eq!(listed.instrument.prepare(&order, None).unwrap_err().filter, Filter::Status);
    }

    #[test]
    fn tokens_that_cannot_be_traded_are_refused() {
        assert!(listed(amount(1, 29, "A"), amount(1, 6, "B"), true).is_err());
        assert!(listed(amount(1, 6, ""), amount(1, 6, "B"), true).is_err());
        assert!(listed(amount(1, 6, "é"), amount(1, 6, "ü"), true).is_err());
    }
}
