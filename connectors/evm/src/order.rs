//! From an order to the swap that it is.

use hoox_connector::{
    Attached, EncodeError, NewOrder, NotSent, OrderKind, Side, Size, TimeInForce, Venue,
};
use hoox_wallet::{SwapRequest, SwapSize};

use crate::listed::Listed;
use crate::number::{to_units, value};

/// The swap that fills `order`, to be executed until `deadline`, in seconds since 1970.
pub(crate) fn swap(
    order: &NewOrder,
    listed: &Listed,
    slippage_bps: u32,
    deadline: u64,
) -> Result<SwapRequest, NotSent> {
    let (base, quote) = (&listed.base, &listed.quote);
    let unsupported = |operation| not_supported(listed.instrument.venue, operation);
    if order.attached != Attached::default() {
        return Err(unsupported("take-profit and stop-loss attached to an order"));
    }
    if order.reduce_only || order.position_side.is_some() {
        return Err(unsupported("positions"));
    }
    let quantity = |quantity| to_units(quantity, base.decimals).ok_or(too_precise("quantity"));
    let size = match (order.kind, order.side) {
        (OrderKind::Market { size: Size::Base(size) }, Side::Buy) => {
            SwapSize::ExactOut { output: quantity(size)?, max_input: None }
        }
        (OrderKind::Market { size: Size::Base(size) }, Side::Sell) => {
            SwapSize::ExactIn { input: quantity(size)?, min_output: None }
        }
        (OrderKind::Market { size: Size::Quote(amount) }, side) => {
            let amount = to_units(amount, quote.decimals).ok_or(too_precise("amount"))?;
            match side {
                Side::Buy => SwapSize::ExactIn { input: amount, min_output: None },
                Side::Sell => SwapSize::ExactOut { output: amount, max_input: None },
            }
        }
        (OrderKind::Limit { quantity: size, price, time_in_force }, side) => {
            // The router fills whole or not at all, and nothing of it rests.
            if time_in_force != TimeInForce::FillOrKill {
                return Err(unsupported("limit orders but fill or kill"));
            }
            let size = quantity(size)?;
            let at = |up| value((size, base.decimals), price, quote.decimals, up);
            let bound = at(side == Side::Sell).ok_or(too_precise("price"))?;
            match side {
                Side::Buy => SwapSize::ExactOut { output: size, max_input: Some(bound) },
                Side::Sell => SwapSize::ExactIn { input: size, min_output: Some(bound) },
            }
        }
        _ => return Err(unsupported("orders that wait for a trigger")),
    };
    let (token_in, token_out) = match order.side {
        Side::Buy => (quote.address, base.address),
        Side::Sell => (base.address, quote.address),
    };
    Ok(SwapRequest {
        token_in,
        token_out,
        size,
        slippage_bps,
        recipient: None,
        deadline: Some(deadline),
        router: Some(listed.router),
    })
}

fn not_supported(venue: Venue, operation: &'static str) -> NotSent {
    EncodeError::NotSupported { venue, operation }.into()
}

const fn too_precise(field: &'static str) -> NotSent {
    NotSent::Encode(EncodeError::Invalid { field, problem: "has more digits than the tokens have" })
}

#[cfg(test)]
mod tests {
    use hoox_connector::{Decimal, Symbol};
    use hoox_wallet::{Address, Router, TokenAmount, U256};

    use super::*;
    use crate::Pair;
    use crate::listed::Pool;

    const BASE: Address = Address::repeat_byte(1);
    const QUOTE: Address = Address::repeat_byte(2);

    fn listed() -> Listed {
        let router = Router::V2 { router: Address::repeat_byte(3) };
        let amount = |decimals, symbol: &str| TokenAmount {
            amount: U256::from(1),
            decimals,
            symbol: symbol.into(),
        };
        let pool = Pool { base: amount(18, "A"), quote: amount(6, "B"), is_open: true };
        Listed::new(Venue::Ethereum, &Pair::new(BASE, QUOTE), router, &pool).unwrap()
    }

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn order(side: Side, kind: OrderKind) -> NewOrder {
        NewOrder::new(Symbol::new("AB").unwrap(), side, kind)
    }

    fn size(side: Side, kind: OrderKind) -> SwapSize {
        let swap = swap(&order(side, kind), &listed(), 50, 7).unwrap();
        let tokens = if side == Side::Buy { (QUOTE, BASE) } else { (BASE, QUOTE) };
        assert_eq!((swap.token_in, swap.token_out), tokens);
        assert_eq!((swap.deadline, swap.recipient), (Some(7), None));
        swap.size
    }

    #[test]
    fn what_an_order_fixes_the_swap_fixes() {
        let (tokens, money) = (U256::from(1_500_000_000_000_000_000_u64), U256::from(1_500_000));
        let base = OrderKind::Market { size: Size::Base(dec("1.5")) };
        let out = SwapSize::ExactOut { output: tokens, max_input: None };
        assert_eq!(size(Side::Buy, base), out);
        assert_eq!(size(Side::Sell, base), SwapSize::ExactIn { input: tokens, min_output: None });
        let quote = OrderKind::Market { size: Size::Quote(dec("1.5")) };
        assert_eq!(size(Side::Buy, quote), SwapSize::ExactIn { input: money, min_output: None });
        let out = SwapSize::ExactOut { output: money, max_input: None };
        assert_eq!(size(Side::Sell, quote), out);
    }

    #[test]
    fn a_limit_is_a_bound_rounded_for_ourselves() {
        let kind = OrderKind::Limit {
            quantity: dec("0.000001"),
            price: dec("1.5"),
            time_in_force: TimeInForce::FillOrKill,
        };
        let quantity = U256::from(1_000_000_000_000_u64);
        // One and a half of the smallest unit.
        let (one, two) = (Some(U256::from(1)), Some(U256::from(2)));
        let out = SwapSize::ExactOut { output: quantity, max_input: one };
        assert_eq!(size(Side::Buy, kind), out);
        let sold = SwapSize::ExactIn { input: quantity, min_output: two };
        assert_eq!(size(Side::Sell, kind), sold);
    }

    #[test]
    fn what_a_pool_cannot_do_is_refused_by_name() {
        let refused = |order: &NewOrder| swap(order, &listed(), 50, 7).unwrap_err().to_string();
        let (quantity, price) = (dec("1"), dec("2"));
        let resting = NewOrder::limit(Symbol::new("AB").unwrap(), Side::Buy, quantity, price);
        assert!(refused(&resting).contains("limit orders but fill or kill"));
        let market = order(Side::Buy, OrderKind::Market { size: Size::Base(quantity) });
        assert!(refused(&market.reduce_only()).contains("positions"));
        let mut attached = market;
        attached.attached.stop_loss = Some(price);
        assert!(refused(&attached).contains("stop-loss"));
        let fine = order(Side::Buy, OrderKind::Market { size: Size::Quote(dec("0.0000001")) });
        assert!(refused(&fine).contains("more digits"));
    }
}
