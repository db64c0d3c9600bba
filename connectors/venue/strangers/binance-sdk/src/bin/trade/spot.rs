//! Spot.

use anyhow::Context;
use binance_sdk::spot::{rest_api, websocket_api};
use rust_decimal::Decimal;

use crate::{Books, Desk, Fill, Order, SYMBOL, Seen, decimal};

impl Desk for rest_api::RestApi {
    async fn place(&self, order: Order<'_>) -> anyhow::Result<(Seen, Option<String>)> {
        use rest_api::{
            NewOrderParams, NewOrderSideEnum, NewOrderTimeInForceEnum, NewOrderTypeEnum,
        };
        let order = order!(
            order,
            NewOrderParams,
            NewOrderSideEnum,
            NewOrderTypeEnum,
            NewOrderTimeInForceEnum
        );
        let mut reply = self.new_order(order.build()?).await?.data().await?;
        let id = reply.client_order_id.take();
        Ok((read!(reply), id))
    }

    async fn cancel(&self, id: &str) -> anyhow::Result<Seen> {
        let order = rest_api::DeleteOrderParams::builder(SYMBOL.to_owned());
        let order = order.orig_client_order_id(id.to_owned()).build()?;
        Ok(read!(self.delete_order(order).await?.data().await?))
    }
}

impl Desk for websocket_api::WebsocketApi {
    async fn place(&self, order: Order<'_>) -> anyhow::Result<(Seen, Option<String>)> {
        use websocket_api::{
            OrderPlaceParams, OrderPlaceSideEnum, OrderPlaceTimeInForceEnum, OrderPlaceTypeEnum,
        };
        let order = order!(
            order,
            OrderPlaceParams,
            OrderPlaceSideEnum,
            OrderPlaceTypeEnum,
            OrderPlaceTimeInForceEnum
        );
        let mut reply = *self.order_place(order.build()?).await?.data()?;
        let id = reply.client_order_id.take();
        Ok((read!(reply), id))
    }

    async fn cancel(&self, id: &str) -> anyhow::Result<Seen> {
        let order = websocket_api::OrderCancelParams::builder(SYMBOL.to_owned());
        let order = order.orig_client_order_id(id.to_owned()).build()?;
        Ok(read!(*self.order_cancel(order).await?.data()?))
    }
}

impl Books for rest_api::RestApi {
    async fn holding(&self) -> anyhow::Result<Decimal> {
        let account = rest_api::GetAccountParams::builder().build()?;
        let account = self.get_account(account).await?.data().await?;
        let balances = account.balances.context("balances are missing")?;
        let coin = balances.into_iter().find(|balance| balance.asset.as_deref() == Some("BTC"));
        coin.map_or(Ok(Decimal::ZERO), |balance| decimal(balance.free))
    }

    async fn open_orders(&self) -> anyhow::Result<Vec<i64>> {
        let open = rest_api::GetOpenOrdersParams::builder().symbol(SYMBOL.to_owned()).build()?;
        let open = self.get_open_orders(open).await?.data().await?;
        open.into_iter().map(|order| order.order_id.context("orderId is missing")).collect()
    }

    async fn fills(&self, order_id: i64) -> anyhow::Result<Vec<Fill>> {
        let trades = rest_api::MyTradesParams::builder(SYMBOL.to_owned()).order_id(order_id);
        let trades = self.my_trades(trades.build()?).await?.data().await?;
        let fills = trades.into_iter().map(|trade| {
            Ok(Fill {
                price: decimal(trade.price)?,
                quantity: decimal(trade.qty)?,
                commission: decimal(trade.commission)?,
                commission_asset: trade.commission_asset.context("commissionAsset is missing")?,
                buyer: trade.is_buyer.context("isBuyer is missing")?,
            })
        });
        fills.collect()
    }
}
