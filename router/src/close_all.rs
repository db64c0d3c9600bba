//! Everything flat (trade.md §1, `/close-all`).

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use hoox_connector::{Clock, Market, PositionSide, Symbol, Venue};

use crate::{
    Action, Answer, ConfigStore, ErrorCode, Exchange, Exchanges, Failure, IdempotencyKey, LogLevel,
    Queue, QueueMode, Record, RequestId, Router, ShortText, Signal, SignalSource, SignalStore,
};

/// How many positions of an exchange are closed at a time: within what the slowest takes in a second.
const CLOSES_AT_ONCE: usize = 4;

/// What [`Router::close_all`] found and did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CloseAll {
    /// Every position that was open, and what became of closing it.
    pub closes: Vec<Closed>,
    /// Exchanges that did not tell their positions; what our ledger knows of them was closed all
    /// the same.
    pub unreachable: Vec<Venue>,
}

impl CloseAll {
    /// Whether everything is certainly flat.
    pub fn is_complete(&self) -> bool {
        self.unreachable.is_empty() && self.closes.iter().all(|close| close.answer.filled)
    }
}

/// A position, and what became of closing it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Closed {
    /// The exchange.
    pub venue: Venue,
    /// The symbol.
    pub symbol: Symbol,
    /// Long or short.
    pub side: PositionSide,
    /// The answer to the close, under a request id of its own.
    pub answer: Answer,
}

impl<S, K, E, C, Q> Router<S, K, E, C, Q>
where
    S: SignalStore,
    K: ConfigStore,
    E: Exchanges,
    C: Clock,
    Q: Queue,
{
    /// Closes every open position at every exchange that has a desk (the live ones, or with
    /// `test` the others), whether or not
    /// the kill switch is engaged or the exchange is disabled. Each close is an order and a record
    /// of its own, under a key made of `request_id` and the position: called again with the same
    /// id, nothing is closed twice; and with another, nothing whose close is still without an
    /// outcome.
    pub async fn close_all(&self, request_id: RequestId, test: bool) -> CloseAll {
        let closing = self.store.open_intents().await.unwrap_or_default();
        let venues = Venue::ALL.into_iter();
        let desks = venues.filter_map(|venue| self.exchanges.desk(venue, test));
        let flattened = desks.map(|desk| self.flatten(desk, request_id, test, &closing));
        let mut all = CloseAll::default();
        for one in join_all(flattened).await {
            all.closes.extend(one.closes);
            all.unreachable.extend(one.unreachable);
        }
        let done = all.closes.iter().filter(|close| close.answer.filled).count();
        let level = if all.is_complete() { LogLevel::Warn } else { LogLevel::Error };
        let text = format!("close-all: {done} of {} positions closed", all.closes.len());
        self.note(&self.incoming(request_id), level, "trade", text).await;
        all
    }

    async fn flatten(
        &self,
        desk: &E::Desk,
        request_id: RequestId,
        test: bool,
        closing: &[Record],
    ) -> CloseAll {
        let venue = desk.venue();
        let mut all = CloseAll::default();
        // A spot market knows no positions: there the ledger tells what was bought.
        let is_spot = desk.market() == Market::Spot;
        let told = if is_spot { None } else { Some(desk.positions(None).await) };
        let open: Vec<(Symbol, PositionSide)> = match told {
            Some(Ok(positions)) => {
                let open = positions.iter().filter(|position| !position.size.is_zero());
                open.filter_map(|position| Some((position.symbol, position.side?))).collect()
            }
            told => {
                let ledger = self.store.open_positions().await;
                if told.is_some() || ledger.is_err() {
                    all.unreachable.push(venue);
                }
                let ledger = ledger.unwrap_or_default();
                let here = ledger.iter().filter(|held| held.venue == venue && held.test == test);
                here.map(|held| (held.symbol, held.holding.side)).collect()
            }
        };
        let closes = open.into_iter().map(|(symbol, side)| async move {
            let close = self.close_one((venue, test), (symbol, side), request_id, closing);
            Closed { venue, symbol, side, answer: close.await }
        });
        // One that nobody answers keeps few others waiting.
        all.closes = stream::iter(closes).buffered(CLOSES_AT_ONCE).collect().await;
        all
    }

    async fn close_one(
        &self,
        (venue, test): (Venue, bool),
        (symbol, side): (Symbol, PositionSide),
        request_id: RequestId,
        closing: &[Record],
    ) -> Answer {
        let action = match side {
            PositionSide::Long => Action::CloseLong,
            PositionSide::Short => Action::CloseShort,
        };
        let name = format!("{venue}:{symbol}:{action}");
        let part = request_id.part(&name);
        let same = |record: &&Record| {
            let order = &record.intent.order;
            (record.intent.venue, record.intent.symbol, record.signal.test) == (venue, symbol, test)
                && (order.reduce_only || record.intent.market == Market::Spot)
                && order.side == side.closing_side()
                && record.request_id != part
        };
        if let Some(record) = closing.iter().find(same) {
            let id = record.request_id;
            let text =
                format!("This position is being closed by {id}, whose outcome is not known.");
            return Answer::failure(part, &Failure::new(ErrorCode::ExchangeTimeout, text));
        }
        let mut signal = Signal::new(venue, action, symbol, None);
        signal.test = test;
        signal.source = SignalSource::CloseAll;
        signal.idempotency_key =
            Some(ShortText::format(format_args!("close-all:{request_id}:{name}")));
        let incoming = self.incoming(part);
        let key = IdempotencyKey::of(&signal, incoming.at);
        let direct = QueueMode::DirectOnly;
        let mut answer = self.carry_out(&signal, &key, incoming, direct, Some(venue)).await;
        self.read_fees(answer.take_without_fee()).await;
        answer
    }
}
