//! Asking: prices, balances, and what became of an order.

use core::time::Duration;

use hoox_connector::{
    Asset, ClientOrderId, Clock, Decimal, Error, Fill, Malformed, OperationKind, OrderId,
    OrderReport, OrderStatus, Symbol, Timestamp, Transport, UnknownCause,
};
use hoox_wallet::{
    Address, B256, Mined, Question, Receipt, TransactionRecord, TransactionState, TransactionStore,
    U64, U256, steps_before,
};
use serde::Deserialize;

use super::Swaps;
use crate::listed::{Listed, Token};
use crate::number::to_decimal;
use crate::refused::unanswered;
use crate::report::{self, Place, gas_fee, mined, order_id, traded};

/// A price is what this part of the pool costs: too little to move it, enough to have digits.
const PROBE: u32 = 10_000;

/// `eth_getBlockByNumber`, the part that is read.
#[derive(Deserialize)]
struct Block {
    timestamp: U64,
}

impl<T: Transport, C: Clock, S: TransactionStore> Swaps<T, C, S> {
    /// What a little of the base token costs; none while nobody trades.
    pub(super) async fn quote(&self, listed: &Listed) -> Result<Option<Decimal>, Error> {
        let probe = listed.reserve / U256::from(PROBE);
        if probe.is_zero() {
            return Ok(None);
        }
        let (base, quote) = (&listed.base, &listed.quote);
        let router = Some(listed.router);
        let cost = self.wallet.quote_out(router, quote.address, base.address, probe);
        let cost = cost.await.map_err(unanswered)?;
        let traded = report::Traded { base: probe, quote: cost };
        let price = report::price(&traded, listed).map(|(_, _, price)| price);
        Ok(price.filter(|price| *price > Decimal::ZERO))
    }

    /// What the account has of an asset of its pairs, rounded down.
    pub(super) async fn held(&self, asset: Option<Asset>) -> Result<Decimal, Error> {
        let wanted = asset.as_ref().map_or("USDT", Asset::as_str);
        let Some(token) = self.token(wanted).await? else { return Ok(Decimal::ZERO) };
        let own = self.wallet.address();
        let balance = self.wallet.balance(own, Some(token.address)).await.map_err(unanswered)?;
        // Of more than a decimal holds, that much is certainly there.
        Ok(to_decimal(balance.amount, token.decimals).unwrap_or(Decimal::MAX))
    }

    /// The token of the pairs that has this symbol. Two of them are none: a symbol proves nothing.
    async fn token(&self, wanted: &str) -> Result<Option<Token>, Error> {
        if self.memory().listed.len() < self.pairs.len() {
            for listed in self.load(|_| true).await {
                listed?;
            }
        }
        let memory = self.memory();
        let tokens = memory.listed.values().flat_map(|(_, it)| [&it.base, &it.quote]);
        let mut found: Option<&Token> = None;
        for token in tokens.filter(|token| token.asset.as_str() == wanted) {
            if found.is_some_and(|found| found.address != token.address) {
                return Ok(None);
            }
            found = Some(token);
        }
        Ok(found.cloned())
    }

    /// What became of the order with our id: looked up by the hash that was stored before it was sent.
    pub(super) async fn order(
        &self,
        symbol: Symbol,
        id: ClientOrderId,
    ) -> Result<Option<OrderReport>, Error> {
        let name = self.name(id);
        let Some(mut record) = self.stored(&name).await? else { return Ok(None) };
        if !record.state.is_final() {
            let confirmations = self.wallet.config().life.confirmations;
            let settled = self.wallet.settle(&name, confirmations, Duration::ZERO).await;
            record = settled.map_err(unanswered)?;
        }
        let listed = self.listed(symbol).await?.ok_or_else(|| not_of_the_pair("symbol"))?;
        let mut report =
            report::unfilled(&record, &listed, id).ok_or_else(|| not_of_the_pair("tokens"))?;
        let TransactionState::Confirmed(executed) = &record.state else { return Ok(Some(report)) };
        report.fee = self.fee(&name, executed).await?;
        if !executed.succeeded || record.is_cancelled() {
            return Ok(Some(report));
        }
        let Some(receipt) = self.receipt(executed.hash).await? else {
            // A block that is gone says nothing. It was deep enough to be believed, and is followed no
            // more: the same bytes bring it back, if no node has them.
            let attempt = record.attempts.iter().find(|it| it.hash == executed.hash);
            if let Some(attempt) = attempt {
                // Whatever the node answers: the next question shows what came of it.
                let _ = self.wallet.rpc().broadcast(&attempt.raw).await;
            }
            return Err(not_of_the_pair("receipt"));
        };
        report.status = OrderStatus::Filled;
        let traded = traded(&receipt, &listed, self.place());
        let told = traded.filter(|(side, _)| *side == report.side);
        match told.and_then(|(_, traded)| report::price(&traded, &listed)) {
            Some((quantity, value, price)) => {
                report.filled_quantity = quantity;
                report.filled_quote = Some(value);
                report.average_price = Some(price);
            }
            // A token that logs nothing: what the order fixed was traded, or it would be reverted.
            None => {
                report.filled_quantity = report.quantity.ok_or_else(|| not_of_the_pair("logs"))?;
            }
        }
        Ok(Some(report))
    }

    /// The execution of the order with this hash: one, or none.
    pub(super) async fn executions(
        &self,
        symbol: Symbol,
        order: OrderId,
    ) -> Result<Vec<Fill>, Error> {
        let Ok(hash) = order.as_str().parse::<B256>() else { return Ok(Vec::new()) };
        let Some(listed) = self.listed(symbol).await? else { return Ok(Vec::new()) };
        let Some(receipt) = self.receipt(hash).await? else { return Ok(Vec::new()) };
        let executed = Mined::from(&receipt);
        let number = format!("{:#x}", executed.block);
        let block = Question::new("eth_getBlockByNumber", serde_json::json!([number, false]));
        let block: Block =
            self.wallet.rpc().ask(block).await.map_err(|error| unanswered(error.into()))?;
        let at = Timestamp::from_millis(block.timestamp.to::<u64>().saturating_mul(1000));
        let told = traded(&receipt, &listed, self.place()).filter(|_| executed.succeeded);
        let Some((side, amounts)) = told else { return Ok(Vec::new()) };
        let Some(id) = order_id(hash) else { return Ok(Vec::new()) };
        let priced = report::price(&amounts, &listed);
        let (quantity, _, price) = priced.ok_or_else(|| not_of_the_pair("logs"))?;
        let mut fill = Fill::new(symbol, (id, id), side, (price, quantity), at);
        fill.fee = gas_fee(&self.wallet.chain().coin, core::iter::once(&executed));
        fill.maker = Some(false);
        Ok(vec![fill])
    }

    /// What the swap and the approvals before it cost in gas.
    async fn fee(
        &self,
        name: &str,
        executed: &Mined,
    ) -> Result<Option<hoox_connector::Fee>, Error> {
        let mut steps = Vec::new();
        for step in steps_before(name) {
            steps.extend(self.stored(&step).await?);
        }
        let steps = steps.iter().filter_map(mined).chain(core::iter::once(executed));
        Ok(gas_fee(&self.wallet.chain().coin, steps))
    }

    async fn stored(&self, name: &str) -> Result<Option<TransactionRecord>, Error> {
        self.wallet.store().find(name).await.map_err(|error| unanswered(error.into()))
    }

    async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, Error> {
        let receipt: Result<Option<Receipt>, _> =
            self.wallet.rpc().ask(Question::receipt(hash)).await;
        let receipt = receipt.map_err(|error| unanswered(error.into()))?;
        Ok(receipt.filter(|receipt| receipt.transaction_hash == hash))
    }

    fn place(&self) -> Place {
        let own: Address = self.wallet.address();
        Place { own, wrapped: self.wallet.chain().wrapped }
    }
}

/// What is asked for and what is found do not belong together.
fn not_of_the_pair(field: &str) -> Error {
    let operation = OperationKind::OrderByClientId;
    let problem = "is not that of a swap of this pair".to_owned();
    Error::Unknown(UnknownCause::Malformed(Malformed {
        operation,
        field: field.to_owned(),
        problem,
    }))
}
