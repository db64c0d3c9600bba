//! Orders whose rows are not written yet: on their way, or cut off when the program died. The intent is
//! durable before an order leaves, what derives from it comes with the outcome.

use hoox_router::Record;

use super::{Ledger, Read, SignalFilter, SignalRow, TradeFilter, TradeRow, millis};

/// The documented word for an order without an outcome (data.md §2).
const PENDING: &str = "TRADE_PENDING";

/// The trades that are not in the table yet.
pub(super) fn trades(ledger: &Ledger, filter: &TradeFilter<'_>) -> Read<Vec<TradeRow>> {
    let TradeFilter { exchange, symbol, status, since, test, limit: _ } = *filter;
    if status.is_some_and(|status| status != PENDING) {
        return Ok(Vec::new());
    }
    let absent = "NOT EXISTS (SELECT 1 FROM trades t WHERE t.id = r.request_id || '-' || r.leg)";
    let mut rows: Vec<TradeRow> = records(ledger, absent)?.iter().map(trade).collect();
    rows.retain(|row| {
        exchange.is_none_or(|it| row.exchange == it)
            && symbol.is_none_or(|it| row.symbol == it)
            && test.is_none_or(|it| row.test == it)
            && row.created_at >= millis(since)
    });
    Ok(rows)
}

/// The signals that are not in the table yet.
pub(super) fn signals(ledger: &Ledger, filter: &SignalFilter<'_>) -> Read<Vec<SignalRow>> {
    let SignalFilter { symbol, outcome, since, limit: _ } = *filter;
    if outcome.is_some_and(|outcome| outcome != PENDING) {
        return Ok(Vec::new());
    }
    let absent = "NOT EXISTS (SELECT 1 FROM trade_signals s WHERE s.signal_id = r.request_id)";
    let mut rows: Vec<SignalRow> = records(ledger, absent)?.iter().map(signal).collect();
    // One signal may be two orders.
    rows.dedup_by(|one, other| one.signal_id == other.signal_id);
    rows.retain(|row| {
        symbol.is_none_or(|it| row.symbol.as_deref() == Some(it))
            && row.timestamp >= millis(since) / 1_000
    });
    Ok(rows)
}

/// The open records that `absent` holds for, oldest first.
fn records(ledger: &Ledger, absent: &str) -> Read<Vec<Record>> {
    let sql = format!(
        "SELECT json FROM records r WHERE open = 1 AND {absent} ORDER BY received_at, request_id, leg"
    );
    let rows: Vec<String> = ledger.all(&sql, [], |row| row.get(0))?;
    Ok(rows.iter().filter_map(|json| serde_json::from_str(json).ok()).collect())
}

fn trade(record: &Record) -> TradeRow {
    let quantity = record.intent.base_quantity.unwrap_or(record.intent.order.quantity);
    TradeRow {
        request_id: record.request_id.to_string(),
        exchange: record.intent.venue.to_string(),
        symbol: record.intent.symbol.to_string(),
        action: record.signal.action.to_string(),
        side: record.intent.order.side.as_str().to_ascii_uppercase(),
        quantity: quantity.normalize().to_string(),
        price: None,
        fee: None,
        fee_asset: None,
        order_id: record.order_id.map(|id| id.to_string()),
        status: PENDING.to_owned(),
        leverage: record.signal.leverage,
        client_order_id: record.intent.client_order_id.to_string(),
        error_message: None,
        test: record.signal.test,
        created_at: millis(record.received_at),
        updated_at: millis(record.updated_at),
    }
}

fn signal(record: &Record) -> SignalRow {
    SignalRow {
        signal_id: record.request_id.to_string(),
        timestamp: millis(record.received_at) / 1_000,
        symbol: Some(record.intent.symbol.to_string()),
        signal_type: Some(record.signal.action.to_string()),
        source: record.signal.source.as_str().to_owned(),
        raw_data: serde_json::to_string(&record.signal).ok(),
        outcome: PENDING.to_owned(),
        processed_at: millis(record.updated_at) / 1_000,
        request_id: record.request_id.to_string(),
    }
}
