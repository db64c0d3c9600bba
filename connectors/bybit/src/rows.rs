//! Rows of lists: orders, executions, positions, coins. Streams push the same ones.

mod words;

use std::borrow::Cow;

use hoox_connector::json::{Integer, MaybeNumber, Number, lenient};

use hoox_connector::{
    Asset, Balance, ClientOrderId, Decimal, Fee, Fill, Market, OrderId, OrderReport, OrderStatus,
    Position, PositionSide, Symbol, Timestamp, average_price,
};
use serde::Deserialize;

use words::{Category, PositionSide_, Status, Tif, Type, hedge_side, millis, settle_asset};

pub(crate) use words::Side_;

/// v5 order/open-order and order/order-list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order<'a> {
    /// On the stream, which carries every market's.
    #[serde(default)]
    category: Category,
    symbol: Symbol,
    order_id: OrderId,
    #[serde(default, deserialize_with = "lenient")]
    order_link_id: Option<ClientOrderId>,
    side: Side_,
    order_status: Status,
    order_type: Type,
    #[serde(borrow, default)]
    reject_reason: Option<Cow<'a, str>>,
    qty: Number,
    /// spot market orders.
    #[serde(borrow, default)]
    market_unit: Option<Cow<'a, str>>,
    cum_exec_qty: MaybeNumber,
    #[serde(default)]
    cum_exec_value: MaybeNumber,
    #[serde(default)]
    cum_exec_fee: MaybeNumber,
    /// Of `cum_exec_fee`, on the stream.
    #[serde(default, deserialize_with = "lenient")]
    fee_currency: Option<Asset>,
    #[serde(default)]
    cum_fee_detail: FeeDetail,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    avg_price: MaybeNumber,
    #[serde(default)]
    trigger_price: MaybeNumber,
    #[serde(default)]
    time_in_force: Tif,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    position_idx: u8,
    #[serde(default, deserialize_with = "lenient")]
    updated_time: Option<u64>,
}

impl Order<'_> {
    /// Whether the row is the market's.
    pub(crate) fn is_of(&self, market: Market) -> bool {
        self.category.is(market)
    }

    /// Whether it waits for its trigger.
    pub(crate) fn is_untriggered(&self) -> bool {
        matches!(self.order_status, Status::Untriggered)
    }

    pub(crate) fn report(&self, market: Market) -> OrderReport {
        let side = self.side.into();
        let mut it = OrderReport::new(self.symbol, self.order_id, side, self.status());
        it.client_order_id = self.order_link_id;
        it.quantity = (!self.is_by_quote(market)).then_some(self.qty.0);
        it.filled_quantity = self.cum_exec_qty.0.unwrap_or_default();
        // A market order shows the bound of its price band.
        it.price = self.price.non_zero().filter(|_| self.order_type != Type::Market);
        it.filled_quote = self.cum_exec_value.0;
        it.average_price = self
            .avg_price
            .non_zero()
            .or_else(|| average_price(it.filled_quote?, it.filled_quantity));
        it.trigger_price = self.trigger_price.non_zero();
        it.time_in_force = self.time_in_force.into();
        it.reduce_only = self.reduce_only;
        it.position_side = hedge_side(self.position_idx);
        it.fee = self.fee(market);
        it.updated_at = self.updated_time.and_then(millis);
        it
    }

    /// v5 enum, "orderStatus" and "rejectReason": what ends by its own terms is called cancelled or
    /// rejected, with a reason.
    fn status(&self) -> OrderStatus {
        let own_terms = matches!(
            self.reject_reason.as_deref(),
            Some(
                "EC_NoImmediateQtyToFill"
                    | "EC_PostOnlyWillTakeLiquidity"
                    | "EC_CancelForNoFullFill"
            )
        );
        match self.order_status {
            Status::New | Status::Untriggered | Status::Triggered => OrderStatus::New,
            Status::PartiallyFilled => OrderStatus::PartiallyFilled,
            Status::Filled => OrderStatus::Filled,
            Status::Cancelled | Status::Rejected if own_terms => OrderStatus::Expired,
            Status::Cancelled => OrderStatus::Canceled,
            Status::Rejected => OrderStatus::Rejected,
            Status::Other => OrderStatus::Unrecognized,
        }
    }

    /// v5 order/create-order, "qty": a spot market buy counts in the quote asset by default.
    fn is_by_quote(&self, market: Market) -> bool {
        market == Market::Spot
            && self.order_type == Type::Market
            && match self.market_unit.as_deref() {
                Some("quoteCoin") => true,
                Some("baseCoin") => false,
                _ => self.side == Side_::Buy,
            }
    }

    /// The detail by asset, or the older sum, in the asset named or the one a future settles in.
    fn fee(&self, market: Market) -> Option<Fee> {
        match self.cum_fee_detail {
            FeeDetail::One(fee) => Some(fee),
            FeeDetail::Mixed => None,
            FeeDetail::Absent => {
                let amount = self.cum_exec_fee.non_zero()?;
                let asset = self.fee_currency.or_else(|| settle_asset(market, &self.symbol));
                asset.map(|asset| Fee { asset, amount })
            }
        }
    }
}

/// The fees of an order by asset, as an object of one member per asset.
#[derive(Default, Clone, Copy)]
enum FeeDetail {
    #[default]
    Absent,
    One(Fee),
    /// Paid in more than one asset.
    Mixed,
}

impl<'de> Deserialize<'de> for FeeDetail {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = FeeDetail;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("fees by asset")
            }
            fn visit_unit<E>(self) -> Result<FeeDetail, E> {
                Ok(FeeDetail::Absent)
            }
            fn visit_str<E>(self, _: &str) -> Result<FeeDetail, E> {
                Ok(FeeDetail::Absent)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> Result<FeeDetail, A::Error> {
                let mut detail = FeeDetail::Absent;
                while let Some((asset, amount)) = members.next_entry::<Asset, Number>()? {
                    detail = match detail {
                        FeeDetail::Absent => FeeDetail::One(Fee { asset, amount: amount.0 }),
                        _ => FeeDetail::Mixed,
                    };
                }
                Ok(detail)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// v5 order/execution.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Execution {
    /// On the stream, which carries every market's.
    #[serde(default)]
    category: Category,
    symbol: Symbol,
    exec_id: OrderId,
    order_id: OrderId,
    #[serde(default, deserialize_with = "lenient")]
    order_link_id: Option<ClientOrderId>,
    side: Side_,
    exec_price: Number,
    exec_qty: Number,
    #[serde(default)]
    exec_type: ExecType,
    #[serde(default)]
    exec_fee: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    fee_currency: Option<Asset>,
    #[serde(default)]
    is_maker: Option<bool>,
    /// On the stream only.
    #[serde(default)]
    exec_pnl: MaybeNumber,
    exec_time: Integer,
}

impl Execution {
    /// Whether the row is the market's.
    pub(crate) fn is_of(&self, market: Market) -> bool {
        self.category.is(market)
    }

    /// The execution, unless nothing was traded: funding and settlement come in the same list.
    pub(crate) fn fill(&self, market: Market) -> Option<Fill> {
        if matches!(self.exec_type, ExecType::Funding | ExecType::Settle) {
            return None;
        }
        let mut it = Fill::new(
            self.symbol,
            (self.exec_id, self.order_id),
            self.side.into(),
            (self.exec_price.0, self.exec_qty.0),
            Timestamp::from_millis(self.exec_time.0.unsigned_abs()),
        );
        it.client_order_id = self.order_link_id;
        let asset = self.fee_currency.or_else(|| settle_asset(market, &self.symbol));
        it.fee = asset.zip(self.exec_fee.0).map(|(asset, amount)| Fee { asset, amount });
        it.maker = self.is_maker;
        it.realized_pnl = self.exec_pnl.0;
        Some(it)
    }
}

/// v5 enum, "execType".
#[derive(Deserialize, Clone, Copy, Default)]
enum ExecType {
    Funding,
    Settle,
    #[default]
    #[serde(other)]
    Trade,
}

/// v5 position/position.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PositionRow {
    /// On the stream, which carries every market's.
    #[serde(default)]
    category: Category,
    symbol: Symbol,
    #[serde(default)]
    position_idx: u8,
    side: PositionSide_,
    size: Number,
    /// `entryPrice` on the stream.
    #[serde(default, alias = "entryPrice")]
    avg_price: MaybeNumber,
    #[serde(default)]
    mark_price: MaybeNumber,
    #[serde(default)]
    liq_price: MaybeNumber,
    #[serde(default)]
    leverage: MaybeNumber,
    #[serde(default)]
    unrealised_pnl: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    updated_time: Option<u64>,
}

impl PositionRow {
    /// Whether the row is the market's.
    pub(crate) fn is_of(&self, market: Market) -> bool {
        self.category.is(market)
    }

    /// # Errors
    /// What is wrong with a size that is neither long nor short: taken for no position, it would never
    /// be closed.
    pub(crate) fn position(&self) -> Result<Position, &'static str> {
        let size = self.size.0;
        let side = match self.side {
            _ if size.is_zero() => None,
            _ if size.is_sign_negative() => return Err("a negative size"),
            PositionSide_::Buy => Some(PositionSide::Long),
            PositionSide_::Sell => Some(PositionSide::Short),
            PositionSide_::None => return Err("a size, but neither long nor short"),
        };
        let mut it = Position::new(self.symbol, side, size);
        it.hedge = hedge_side(self.position_idx).is_some();
        it.entry_price = self.avg_price.non_zero();
        it.mark_price = self.mark_price.non_zero();
        it.liquidation_price = self.liq_price.non_zero();
        // Leverage goes by hundredths; only whole ones can be told.
        let leverage = self.leverage.0.filter(|leverage| leverage.fract().is_zero());
        it.leverage = leverage.and_then(|leverage| u32::try_from(leverage).ok());
        it.unrealized_pnl = self.unrealised_pnl.0;
        it.updated_at = self.updated_time.and_then(millis);
        Ok(it)
    }
}

/// One coin of the unified account (v5 account/wallet-balance).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Coin {
    coin: Asset,
    wallet_balance: Number,
    #[serde(default)]
    locked: MaybeNumber,
    #[serde(default)]
    spot_borrow: MaybeNumber,
    #[serde(default, rename = "totalOrderIM")]
    total_order_im: MaybeNumber,
    #[serde(default, rename = "totalPositionIM")]
    total_position_im: MaybeNumber,
    #[serde(default)]
    unrealised_pnl: MaybeNumber,
}

impl Coin {
    /// The venue's own `availableToWithdraw` is no longer kept. Spot can spend what is neither locked
    /// nor borrowed; of that, linear can use what is no margin yet and no loss on paper.
    pub(crate) fn balance(&self, market: Market) -> Balance {
        let total = self.wallet_balance.0;
        let loss = self.unrealised_pnl.0.map(|pnl| -pnl.min(Decimal::ZERO));
        let margin = [self.total_order_im.0, self.total_position_im.0, loss];
        let in_use = [self.locked.0, self.spot_borrow.0].into_iter();
        let in_use = in_use.chain(margin.into_iter().filter(|_| market == Market::Linear));
        let available = in_use.flatten().try_fold(total, Decimal::checked_sub);
        let available = available.unwrap_or_default().max(Decimal::ZERO);
        Balance { asset: self.coin, available, total }
    }
}
