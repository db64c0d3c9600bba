//! How the engine tells its listeners what it has just done.

use rust_decimal::Decimal;

use super::Engine;
use super::account::MARGIN_ASSET;
use super::event::{AccountChange, AccountReason, Event, OrderChange, PositionChange, PublicTrade};
use super::order::Trade;
use super::types::{Market, PositionSide};

impl Engine {
    /// Reports an order as it stands now.
    pub(super) fn changed(&mut self, id: u64, change: OrderChange) {
        let time_ms = self.now_ms();
        let Some(order) = self.orders.get(id) else { return };
        let instrument = order.instrument;
        self.hub.emit(|| Event::Order { order: Box::new(order.clone()), change, time_ms });
        self.touch(instrument);
    }

    /// Reports the funds an order has set aside or given back. Linear orders only tie up margin,
    /// which no venue reports.
    pub(super) fn reserved(&mut self, id: u64) {
        if !self.hub.listening() {
            return;
        }
        let Some(order) = self.orders.get(id) else { return };
        let Some(i) = self.instruments.get(order.instrument) else { return };
        if i.market != Market::Spot {
            return;
        }
        let (account, assets) = (order.account, [i.base, i.quote]);
        self.account_changed(account, AccountReason::Reserve, &assets, None, Vec::new());
    }

    /// Reports one execution: order, tape, money, position.
    pub(super) fn traded(&mut self, id: u64, trade: Trade) {
        let instrument = trade.instrument;
        self.touch(instrument);
        if !self.hub.listening() {
            return;
        }
        let (realized, fee, side) = (trade.realized, trade.commission, trade.position_side);
        if self.hub.is_watched(instrument) {
            let printed = PublicTrade {
                id: trade.id,
                instrument,
                price: trade.price,
                quantity: trade.quantity,
                taker: if trade.maker { trade.side.opposite() } else { trade.side },
                time_ms: trade.time_ms,
            };
            self.hub.emit(|| Event::Trade(printed));
        }
        self.changed(id, OrderChange::Traded(Box::new(trade)));
        let Some(account) = self.orders.get(id).map(|o| o.account) else { return };
        let Some(i) = self.instruments.get(instrument) else { return };
        match i.market {
            Market::Spot => {
                let assets = [i.base, i.quote];
                self.account_changed(account, AccountReason::Trade, &assets, None, Vec::new());
            }
            Market::Linear => {
                let positions = self.position_change(account, instrument, side);
                let change = realized - fee;
                let positions = positions.into_iter().collect();
                self.account_changed(account, AccountReason::Trade, &[], Some(change), positions);
            }
        }
    }

    /// Reports a funding payment with the positions it was for.
    pub(super) fn funding_paid(&mut self, account: usize, amount: Decimal) {
        if !self.hub.listening() {
            return;
        }
        let mut positions = Vec::new();
        for instrument in 0..self.instruments.len() {
            for side in [PositionSide::Both, PositionSide::Long, PositionSide::Short] {
                let change = self.position_change(account, instrument, side);
                positions.extend(change.filter(|c| !c.position.amount.is_zero()));
            }
        }
        self.account_changed(account, AccountReason::Funding, &[], Some(amount), positions);
    }

    /// Reports a conditional order as it stands now.
    pub(super) fn algo_changed(&mut self, id: u64) {
        let time_ms = self.now_ms();
        let Some(algo) = self.algos.get(id) else { return };
        self.hub.emit(|| Event::Algo { algo: Box::new(algo.clone()), time_ms });
    }

    fn position_change(
        &self,
        account: usize,
        instrument: usize,
        side: PositionSide,
    ) -> Option<PositionChange> {
        let settings = self.accounts.get(account)?.linear.get(instrument)?;
        Some(PositionChange {
            instrument,
            side,
            position: *settings.position(side),
            leverage: settings.leverage,
            isolated: settings.isolated,
        })
    }

    /// `wallet_change`: what the futures wallet has received or paid.
    fn account_changed(
        &mut self,
        account: usize,
        reason: AccountReason,
        assets: &[&str],
        wallet_change: Option<Decimal>,
        positions: Vec<PositionChange>,
    ) {
        let time_ms = self.now_ms();
        let Some(a) = self.accounts.get(account) else { return };
        // In a unified account the wallet is a spot balance.
        let unified = (a.unified && wallet_change.is_some()).then_some(MARGIN_ASSET);
        let assets = assets.iter().copied().chain(unified);
        let balances = assets
            .map(|asset| (asset.to_owned(), a.spot.get(asset).copied().unwrap_or_default()))
            .collect();
        let wallet = wallet_change.map(|change| (a.wallet_balance(), change));
        self.hub.emit(|| {
            Event::Account(Box::new(AccountChange {
                account,
                reason,
                time_ms,
                balances,
                wallet,
                positions,
            }))
        });
    }
}
