//! USD-M futures.

use anyhow::Context;
use binance_sdk::derivatives_trading_usds_futures::{rest_api, websocket_api};
use rust_decimal::Decimal;

use crate::{Books, Desk, Fill, Order, SYMBOL, Seen, decimal};

impl Desk for rest_api::RestApi {
    async fn place(&self, order: Order<'_>) -> anyhow::Result<(Seen, Option<String>)> {
        use rest_api::{
            NewOrderNewOrderRespTypeEnum, NewOrderParams, NewOrderSideEnum,
            NewOrderTimeInForceEnum, NewOrderTypeEnum,
        };
        let order = order!(
            order,
            NewOrderParams,
            NewOrderSideEnum,
            NewOrderTypeEnum,
            NewOrderTimeInForceEnum
        );
        // Without it a market order is acknowledged as NEW.
        let order = order.new_order_resp_type(NewOrderNewOrderRespTypeEnum::Result);
        let mut reply = self.new_order(order.build()?).await?.data().await?;
        let id = reply.client_order_id.take();
        Ok((read!(reply), id))
    }

    async fn cancel(&self, id: &str) -> anyhow::Result<Seen> {
        let order = rest_api::CancelOrderParams::builder(SYMBOL.to_owned());
        let order = order.orig_client_order_id(id.to_owned()).build()?;
        Ok(read!(self.cancel_order(order).await?.data().await?))
    }
}

impl Desk for websocket_api::WebsocketApi {
    async fn place(&self, order: Order<'_>) -> anyhow::Result<(Seen, Option<String>)> {
        use websocket_api::{
            NewOrderNewOrderRespTypeEnum, NewOrderParams, NewOrderSideEnum,
            NewOrderTimeInForceEnum, NewOrderTypeEnum,
        };
        let order = order!(
            order,
            NewOrderParams,
            NewOrderSideEnum,
            NewOrderTypeEnum,
            NewOrderTimeInForceEnum
        );
        let order = order.new_order_resp_type(NewOrderNewOrderRespTypeEnum::Result);
        let mut reply = *self.new_order(order.build()?).await?.data()?;
        let id = reply.client_order_id.take();
        Ok((read!(reply), id))
    }

    async fn cancel(&self, id: &str) -> anyhow::Result<Seen> {
        let order = websocket_api::CancelOrderParams::builder(SYMBOL.to_owned());
        let order = order.orig_client_order_id(id.to_owned()).build()?;
        Ok(read!(*self.cancel_order(order).await?.data()?))
    }
}

impl Books for rest_api::RestApi {
    async fn holding(&self) -> anyhow::Result<Decimal> {
        let positions = rest_api::PositionInformationV3Params::builder();
        let positions = positions.symbol(SYMBOL.to_owned()).build()?;
        let positions = self.position_information_v3(positions).await?.data().await?;
        positions.into_iter().map(|position| decimal(position.position_amt)).sum()
    }

    async fn open_orders(&self) -> anyhow::Result<Vec<i64>> {
        let open = rest_api::CurrentAllOpenOrdersParams::builder();
        let open = open.symbol(SYMBOL.to_owned()).build()?;
        let open = self.current_all_open_orders(open).await?.data().await?;
        open.into_iter().map(|order| order.order_id.context("orderId is missing")).collect()
    }

    async fn fills(&self, order_id: i64) -> anyhow::Result<Vec<Fill>> {
        let trades =
            rest_api::AccountTradeListParams::builder(SYMBOL.to_owned()).order_id(order_id);
        let trades = self.account_trade_list(trades.build()?).await?.data().await?;
        let fills = trades.into_iter().map(|trade| {
            Ok(Fill {
                price: decimal(trade.price)?,
                quantity: decimal(trade.qty)?,
                commission: decimal(trade.commission)?,
                commission_asset: trade.commission_asset.context("commissionAsset is missing")?,
                buyer: trade.buyer.context("buyer is missing")?,
            })
        });
        fills.collect()
    }
}
