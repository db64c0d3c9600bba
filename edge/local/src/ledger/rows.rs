//! The rows of the tables, as they are (data.md §2).

use rusqlite::Row;
use serde::Serialize;

macro_rules! row {
    ($(#[$meta:meta])* $name:ident from $table:literal {
        $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),+ }

        impl $name {
            pub(super) fn select(condition: &str) -> String {
                let columns = [$(stringify!($field)),+].join(", ");
                format!("SELECT {columns} FROM {} WHERE {condition}", $table)
            }

            pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
                Ok(Self { $($field: row.get(stringify!($field))?),+ })
            }
        }
    };
}

row! {
    /// An order, or a signal that waited in the queue and never became one.
    TradeRow from "trades" {
        /// The request that brought it.
        request_id: String,
        /// The exchange.
        exchange: String,
        /// The neutral symbol.
        symbol: String,
        /// What the signal wanted.
        action: String,
        /// BUY or SELL.
        side: String,
        /// What filled, or what was ordered; in the base asset.
        quantity: String,
        /// The average price of what filled.
        price: Option<String>,
        /// The fee.
        fee: Option<String>,
        /// The asset it was paid in.
        fee_asset: Option<String>,
        /// The exchange's id.
        order_id: Option<String>,
        /// Where it stands.
        status: String,
        /// The leverage the signal asked for.
        leverage: Option<u32>,
        /// Our id; empty where there never was an order.
        client_order_id: String,
        /// Why there is no order.
        error_message: Option<String>,
        /// Whether it is at a test venue.
        test: bool,
        /// When the signal was received.
        created_at: i64,
        /// When the row last changed.
        updated_at: i64,
    }
}

row! {
    /// A position, as our fills add up.
    PositionRow from "positions" {
        /// The exchange.
        exchange: String,
        /// The neutral symbol.
        symbol: String,
        /// LONG or SHORT.
        side: String,
        /// Whether it is at a test venue.
        test: bool,
        /// The size in the base asset.
        size: String,
        /// The volume-weighted entry price.
        entry_price: Option<String>,
        /// What its reductions realised so far, without fees.
        realized_pnl: String,
        /// The leverage of its latest entry.
        leverage: u32,
        /// When it was opened.
        opened_at: i64,
        /// When it last changed.
        updated_at: i64,
        /// When it was closed; absent while it is open.
        closed_at: Option<i64>,
    }
}

row! {
    /// What a live account was worth.
    BalanceRow from "balances" {
        /// The exchange.
        exchange: String,
        /// In what it is counted.
        asset: String,
        /// What could be spent or used as margin.
        free: String,
        /// What was bound as margin or in orders.
        used: String,
        /// Everything, the profit or loss of open positions included.
        total: String,
        /// When, in seconds.
        timestamp: i64,
    }
}

row! {
    /// What a fill did to a position.
    ExecutionRow from "executions" {
        /// The request whose order filled.
        request_id: String,
        /// Which of its orders.
        leg: u8,
        /// The exchange.
        exchange: String,
        /// The neutral symbol.
        symbol: String,
        /// LONG or SHORT.
        position: String,
        /// By how much, less than zero for a reduction.
        change: String,
        /// The average price.
        price: Option<String>,
        /// What a reduction realised, without fees.
        realized_pnl: Option<String>,
        /// The fee.
        fee: Option<String>,
        /// The asset it was paid in.
        fee_asset: Option<String>,
        /// When, by the exchange's clock.
        at: i64,
    }
}

row! {
    /// A signal, refused ones included.
    SignalRow from "trade_signals" {
        /// Its id.
        signal_id: String,
        /// When it was received, in seconds.
        timestamp: i64,
        /// The neutral symbol, if it was valid.
        symbol: Option<String>,
        /// What it wanted, if it was valid.
        signal_type: Option<String>,
        /// Where it came from.
        source: String,
        /// The signal as JSON, without the passkey.
        raw_data: Option<String>,
        /// What became of it: a trade's status, or an error's code.
        outcome: String,
        /// When that was known, in seconds.
        processed_at: i64,
        /// The request that brought it.
        request_id: String,
    }
}

row! {
    /// A message that waits.
    QueuedRow from "queue" {
        /// Its number.
        id: i64,
        /// The request that brought the signal.
        request_id: String,
        /// The message as JSON.
        body: String,
        /// How many attempts have failed.
        attempts: u32,
        /// When it was put into the queue.
        queued_at: i64,
        /// When it is carried out next.
        due_at: i64,
    }
}

row! {
    /// A message that is not carried out any more.
    DeadLetterRow from "dead_letters" {
        /// Its number, for [`Ledger::replay`](super::Ledger::replay).
        id: i64,
        /// The request that brought the signal.
        request_id: String,
        /// The message as JSON.
        body: String,
        /// Why.
        reason: String,
        /// When it was put into the queue.
        queued_at: i64,
        /// Since when.
        at: i64,
    }
}
