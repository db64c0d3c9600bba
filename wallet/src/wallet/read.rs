use alloy_primitives::{Address, Bytes, U256};
use hoox_connector::{Clock, Transport};

use crate::chain::COIN_DECIMALS;
use crate::fees::BLOCKS;
use crate::uniswap::tokens;
use crate::wallet::{Wallet, WalletError};
use crate::{FeeHistory, GasMarket, Question, Revert, Router, RpcError, format_units, token};

/// An amount and how to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAmount {
    /// In smallest units.
    pub amount: U256,
    /// The decimals of a whole coin.
    pub decimals: u8,
    /// The symbol; empty if the token has none that can be read.
    pub symbol: String,
}

impl TokenAmount {
    /// The amount in whole coins, exactly.
    pub fn to_decimal_text(&self) -> String {
        format_units(self.amount, self.decimals)
    }
}

impl<T: Transport, C: Clock, S> Wallet<T, C, S> {
    /// What `owner` has of the native coin, or of `token`.
    ///
    /// # Errors
    /// [`WalletError::Rpc`]; [`WalletError::NotUnderstood`] if there is no token.
    pub async fn balance(
        &self,
        owner: Address,
        token: Option<Address>,
    ) -> Result<TokenAmount, WalletError> {
        let Some(token) = token.filter(|token| !token.is_zero()) else {
            let amount = self.rpc.ask(Question::balance(owner)).await?;
            let symbol = self.chain.coin.clone();
            return Ok(TokenAmount { amount, decimals: COIN_DECIMALS, symbol });
        };
        let questions = [token::balance_of(owner), token::decimals(), token::symbol()]
            .map(|data| Question::call(None, Some(token), U256::ZERO, &data));
        let answers = self.rpc.ask_all(&questions).await?;
        let not_understood = WalletError::NotUnderstood(token);
        let [amount, decimals, symbol] = answers.as_slice() else { return Err(not_understood) };
        let read = |answer: &crate::Answer| -> Option<Bytes> { answer.read().ok() };
        let amount = read(amount).and_then(|data| token::read_number(&data));
        let decimals = read(decimals).and_then(|data| token::read_number(&data));
        let decimals = decimals.and_then(|decimals| u8::try_from(decimals).ok());
        let (Some(amount), Some(decimals)) = (amount, decimals) else {
            return Err(not_understood);
        };
        let symbol = read(symbol).and_then(|data| token::read_symbol(&data)).unwrap_or_default();
        Ok(TokenAmount { amount, decimals, symbol })
    }

    /// How many of `owner`'s tokens `spender` may take.
    ///
    /// # Errors
    /// [`WalletError::Rpc`]; [`WalletError::NotUnderstood`] if there is no token.
    pub async fn allowance(
        &self,
        token: Address,
        owner: Address,
        spender: Address,
    ) -> Result<U256, WalletError> {
        let data = self.call(token, &token::allowance(owner, spender)).await?;
        token::read_number(&data).ok_or(WalletError::NotUnderstood(token))
    }

    /// What exactly `input` fetches at present. The zero address stands for the native coin.
    ///
    /// # Errors
    /// [`WalletError::NoRoute`]; [`WalletError::Reverted`] if there is no pool.
    pub async fn quote_in(
        &self,
        router: Option<Router>,
        token_in: Address,
        token_out: Address,
        input: U256,
    ) -> Result<U256, WalletError> {
        let router = router.or(self.chain.router).ok_or(WalletError::NoRoute)?;
        let (token_in, token_out) =
            tokens(token_in, token_out, self.chain.wrapped).ok_or(WalletError::NoRoute)?;
        let (to, data) = router.quote_in(token_in, token_out, input);
        let answer = self.call(to, &data).await?;
        router.read_quote_in(&answer).ok_or(WalletError::NotUnderstood(to))
    }

    /// What exactly `output` costs at present. The zero address stands for the native coin.
    ///
    /// # Errors
    /// [`WalletError::NoRoute`]; [`WalletError::Reverted`] if there is no pool, or not so much in it.
    pub async fn quote_out(
        &self,
        router: Option<Router>,
        token_in: Address,
        token_out: Address,
        output: U256,
    ) -> Result<U256, WalletError> {
        let router = router.or(self.chain.router).ok_or(WalletError::NoRoute)?;
        let (token_in, token_out) =
            tokens(token_in, token_out, self.chain.wrapped).ok_or(WalletError::NoRoute)?;
        let (to, data) = router.quote_out(token_in, token_out, output);
        let answer = self.call(to, &data).await?;
        router.read_quote_out(&answer).ok_or(WalletError::NotUnderstood(to))
    }

    /// What the network charges for gas at present.
    ///
    /// # Errors
    /// [`WalletError::Rpc`]; [`WalletError::Fee`] if the price cannot be read.
    pub async fn gas_market(&self) -> Result<GasMarket, WalletError> {
        let answers = self.rpc.ask_all(&[Question::fee_history(BLOCKS)]).await?;
        self.market(answers.first().ok_or(RpcError::Unreadable("no answer"))?).await
    }

    /// What the network charges, from the answer to `eth_feeHistory`; where there is no such method,
    /// or no base fee, from `eth_gasPrice`.
    pub(super) async fn market(&self, history: &crate::Answer) -> Result<GasMarket, WalletError> {
        let history = match history.read::<FeeHistory>() {
            Ok(history) => history,
            Err(RpcError::Node(_)) => FeeHistory::default(),
            Err(error) => return Err(error.into()),
        };
        if let Some(market) = GasMarket::from_history(&history)? {
            return Ok(market);
        }
        let price: U256 = self.rpc.ask(Question::gas_price()).await?;
        let price = u128::try_from(price).map_err(|_| crate::FeeError::Unreadable)?;
        Ok(GasMarket::Price(price))
    }

    pub(super) async fn call(&self, to: Address, data: &Bytes) -> Result<Bytes, WalletError> {
        let answer = self.rpc.ask(Question::call(None, Some(to), U256::ZERO, data)).await;
        answer.map_err(reverted)
    }
}

/// Tells a revert from other errors of a node.
pub(super) fn reverted(error: RpcError) -> WalletError {
    match error {
        RpcError::Node(node) => match &node.data {
            Some(data) => WalletError::Reverted(Revert::decode(data)),
            None if node.code == 3 || node.message.contains("revert") => {
                WalletError::Reverted(Revert::Silent)
            }
            None => WalletError::Rpc(node.into()),
        },
        other => other.into(),
    }
}
