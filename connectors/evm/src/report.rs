//! From what the wallet keeps and the chain shows of a swap to an order's report.

use alloy_primitives::B256;
use alloy_sol_types::SolEvent;
use hoox_connector::{Asset, ClientOrderId, Decimal, Fee, OrderId, OrderReport, OrderStatus, Side};
use hoox_wallet::{
    Action, Address, COIN_DECIMALS, Log, Mined, Receipt, SwapSize, TransactionRecord,
    TransactionState, U256,
};

use crate::abi::IToken;
use crate::listed::{Listed, Token};
use crate::number::to_decimal;

/// What a swap moved, in smallest units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traded {
    pub(crate) base: U256,
    pub(crate) quote: U256,
}

/// Whose swap it is, and where: what its log is read by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The account.
    pub(crate) own: Address,
    /// The token of the native coin.
    pub(crate) wrapped: Option<Address>,
}

/// What a receipt says was bought or sold; none if it tells of no such thing.
///
/// Tokens are counted as they moved to and from the account. Coins leave no trace but where the router
/// wraps and unwraps them, and it does that for nobody else in the same transaction.
pub(crate) fn traded(receipt: &Receipt, listed: &Listed, place: Place) -> Option<(Side, Traded)> {
    let router = listed.router.address();
    let moved = |token: &Token| match place.wrapped {
        Some(wrapped) if token.address.is_zero() => Moved {
            in_: sum::<IToken::Withdrawal>(&receipt.logs, wrapped, 1, router),
            out: sum::<IToken::Deposit>(&receipt.logs, wrapped, 1, router),
        },
        _ => Moved {
            in_: sum::<IToken::Transfer>(&receipt.logs, token.address, 2, place.own),
            out: sum::<IToken::Transfer>(&receipt.logs, token.address, 1, place.own),
        },
    };
    let (base, quote) = (moved(&listed.base), moved(&listed.quote));
    match (base.net(), quote.net()) {
        (Net::In(base), Net::Out(quote)) => Some((Side::Buy, Traded { base, quote })),
        (Net::Out(base), Net::In(quote)) => Some((Side::Sell, Traded { base, quote })),
        _ => None,
    }
}

struct Moved {
    in_: U256,
    out: U256,
}

enum Net {
    In(U256),
    Out(U256),
    Nothing,
}

impl Moved {
    fn net(&self) -> Net {
        match self.in_.cmp(&self.out) {
            core::cmp::Ordering::Greater => Net::In(self.in_ - self.out),
            core::cmp::Ordering::Less => Net::Out(self.out - self.in_),
            core::cmp::Ordering::Equal => Net::Nothing,
        }
    }
}

/// The sum of the amounts of one kind of event of `contract`, whose parameter `topic` is `who`.
fn sum<E: SolEvent>(logs: &[Log], contract: Address, topic: usize, who: Address) -> U256 {
    let is_ours = |log: &&Log| {
        log.address == contract
            && log.topics.first() == Some(&E::SIGNATURE_HASH)
            && log.topics.get(topic) == Some(&who.into_word())
            && log.data.len() == 32
    };
    let amounts = logs.iter().filter(is_ours).map(|log| U256::from_be_slice(&log.data));
    amounts.fold(U256::ZERO, U256::saturating_add)
}

/// The price at which so much was traded.
pub(crate) fn price(traded: &Traded, listed: &Listed) -> Option<(Decimal, Decimal, Decimal)> {
    let quantity = to_decimal(traded.base, listed.base.decimals)?;
    let value = to_decimal(traded.quote, listed.quote.decimals)?;
    Some((quantity, value, value.checked_div(quantity)?.normalize()))
}

/// The side of the order that a record is of, and the quantity it fixed, if it did.
pub(crate) fn ordered(
    record: &TransactionRecord,
    listed: &Listed,
) -> Option<(Side, Option<Decimal>)> {
    let Action::Swap(request) = &record.action else { return None };
    let tokens = (request.token_in, request.token_out);
    let side = match tokens {
        _ if tokens == (listed.quote.address, listed.base.address) => Side::Buy,
        _ if tokens == (listed.base.address, listed.quote.address) => Side::Sell,
        _ => return None,
    };
    let quantity = match (side, request.size) {
        (Side::Buy, SwapSize::ExactOut { output, .. }) => Some(output),
        (Side::Sell, SwapSize::ExactIn { input, .. }) => Some(input),
        _ => None,
    };
    Some((side, quantity.and_then(|it| to_decimal(it, listed.base.decimals))))
}

/// The order as its record tells it, without a fill.
pub(crate) fn unfilled(
    record: &TransactionRecord,
    listed: &Listed,
    id: ClientOrderId,
) -> Option<OrderReport> {
    let (side, quantity) = ordered(record, listed)?;
    let status = match &record.state {
        // Reverted, or given up: ended without a fill, and its gas is paid.
        TransactionState::Confirmed(_) => OrderStatus::Expired,
        // Never in a block, and never to be.
        TransactionState::Refused { .. } | TransactionState::Superseded => OrderStatus::Rejected,
        _ => OrderStatus::New,
    };
    let hash = order_id(record.hash()?)?;
    let mut report = OrderReport::new(listed.symbol(), hash, side, status);
    report.client_order_id = Some(id);
    report.quantity = quantity;
    report.updated_at = Some(record.created_at);
    Some(report)
}

/// The hash of a transaction as the id of its order.
pub(crate) fn order_id(hash: B256) -> Option<OrderId> {
    OrderId::new(&hash.to_string()).ok()
}

/// What the gas of some transactions cost together, in the native coin; none if a node did not tell
/// what it cost.
pub(crate) fn gas_fee<'m>(coin: &str, mined: impl Iterator<Item = &'m Mined>) -> Option<Fee> {
    let mut sum = U256::ZERO;
    for one in mined {
        sum = sum.checked_add(one.fee()?)?;
    }
    Some(Fee { asset: Asset::new(coin).ok()?, amount: to_decimal(sum, COIN_DECIMALS)? })
}

/// What is in a block of a transaction, if it is.
pub(crate) const fn mined(record: &TransactionRecord) -> Option<&Mined> {
    match &record.state {
        TransactionState::Mined(mined) | TransactionState::Confirmed(mined) => Some(mined),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;
    use hoox_connector::Venue;
    use hoox_wallet::{Router, TokenAmount, U64};

    use super::*;
    use crate::Pair;
    use crate::listed::Pool;

    const OWN: Address = Address::repeat_byte(9);
    const WRAPPED: Address = Address::repeat_byte(8);
    const ROUTER: Address = Address::repeat_byte(7);
    const TOKEN: Address = Address::repeat_byte(6);
    const POOL: Address = Address::repeat_byte(5);
    const PLACE: Place = Place { own: OWN, wrapped: Some(WRAPPED) };

    fn listed(base: Address, quote: Address) -> Listed {
        let amount =
            |symbol: &str| TokenAmount { amount: U256::MAX, decimals: 18, symbol: symbol.into() };
        let pool = Pool { base: amount("A"), quote: amount("B"), is_open: true };
        let router = Router::V2 { router: ROUTER };
        Listed::new(Venue::Base, &Pair::new(base, quote), router, &pool).unwrap()
    }

    fn log<E: SolEvent>(address: Address, parties: &[Address], amount: u64) -> Log {
        let mut topics = vec![E::SIGNATURE_HASH];
        topics.extend(parties.iter().map(|party| party.into_word()));
        let data = Bytes::from(U256::from(amount).to_be_bytes::<32>());
        Log { address, topics, data }
    }

    fn receipt(logs: Vec<Log>) -> Receipt {
        Receipt {
            transaction_hash: B256::ZERO,
            block_hash: B256::ZERO,
            block_number: U64::from(1),
            status: Some(U64::from(1)),
            gas_used: U64::from(1),
            effective_gas_price: None,
            l1_fee: None,
            contract_address: None,
            logs,
        }
    }

    fn amounts(base: u64, quote: u64) -> Traded {
        Traded { base: U256::from(base), quote: U256::from(quote) }
    }

    #[test]
    fn tokens_are_counted_at_the_account_and_coins_where_they_are_wrapped() {
        let transfer = |from, to, amount| log::<IToken::Transfer>(TOKEN, &[from, to], amount);
        let bought = receipt(vec![
            log::<IToken::Deposit>(WRAPPED, &[ROUTER], 5),
            log::<IToken::Transfer>(WRAPPED, &[ROUTER, POOL], 5),
            transfer(POOL, OWN, 12),
        ]);
        let listed = listed(TOKEN, Address::ZERO);
        assert_eq!(traded(&bought, &listed, PLACE), Some((Side::Buy, amounts(12, 5))));
        let sold = receipt(vec![
            transfer(OWN, POOL, 12),
            log::<IToken::Transfer>(WRAPPED, &[POOL, ROUTER], 5),
            log::<IToken::Withdrawal>(WRAPPED, &[ROUTER], 5),
        ]);
        assert_eq!(traded(&sold, &listed, PLACE), Some((Side::Sell, amounts(12, 5))));
    }

    #[test]
    fn what_others_move_and_what_comes_back_is_not_counted() {
        let other = Address::repeat_byte(1);
        let transfer =
            |token, from, to, amount| log::<IToken::Transfer>(token, &[from, to], amount);
        let listed = listed(TOKEN, WRAPPED);
        let receipt = receipt(vec![
            transfer(WRAPPED, OWN, POOL, 10),
            transfer(WRAPPED, POOL, OWN, 3),
            transfer(TOKEN, POOL, OWN, 20),
            // A part that the token keeps for itself never arrives.
            transfer(TOKEN, POOL, other, 1),
            transfer(other, POOL, OWN, 1_000),
        ]);
        assert_eq!(traded(&receipt, &listed, PLACE), Some((Side::Buy, amounts(20, 7))));
    }

    #[test]
    fn a_receipt_without_both_sides_tells_nothing() {
        let listed = listed(TOKEN, WRAPPED);
        let one_side = receipt(vec![log::<IToken::Transfer>(TOKEN, &[POOL, OWN], 20)]);
        assert_eq!(traded(&one_side, &listed, PLACE), None);
        assert_eq!(traded(&receipt(vec![]), &listed, PLACE), None);
    }

    #[test]
    fn the_fee_is_the_gas_of_all_steps() {
        let mined = |gas_price: Option<u64>| Mined {
            hash: B256::ZERO,
            block: 1,
            block_hash: B256::ZERO,
            succeeded: true,
            gas_used: 100_000,
            gas_price: gas_price.map(U256::from),
            l1_fee: None,
        };
        let (one, two) = (mined(Some(1_000_000_000)), mined(Some(3_000_000_000)));
        let fee = gas_fee("ETH", [&one, &two].into_iter()).unwrap();
        assert_eq!((fee.asset.as_str(), fee.amount.to_string().as_str()), ("ETH", "0.0004"));
        assert_eq!(gas_fee("ETH", [&one, &mined(None)].into_iter()), None);
    }
}
