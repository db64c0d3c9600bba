//! Funding payments of futures positions.
//!
//! Source: the venue's futures documentation, account and trading endpoints, "Get Funding Fee
//! Details".

use serde::Serialize;

use super::super::{Answer, errors};
use super::{Call, Num, account, write};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    page_size: usize,
    total_count: usize,
    total_page: usize,
    current_page: usize,
    result_list: Vec<Record>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: u64,
    symbol: &'static str,
    /// 1 long, 2 short.
    position_type: u8,
    position_value: Num,
    /// Negative is paid.
    funding: Num,
    rate: Num,
    settle_time: u64,
}

/// The payments of all positions, or of some; newest first.
pub(super) fn records(call: &mut Call<'_>) -> Answer {
    let instruments = call.selected(call.get("symbol"))?;
    let position = match call.get("position_id") {
        None => None,
        Some(id) => Some(account::position_of(id).ok_or(errors::F_PARAMS)?),
    };
    let kind = call.number("position_type")?;
    let (start, end) = (call.number("start_time")?, call.number("end_time")?);
    let (skip, take) = call.page()?;
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    let wanted: Vec<_> = account
        .fundings
        .iter()
        .rev()
        .filter(|p| {
            instruments.contains(&p.instrument)
                && position.is_none_or(|key| key == (p.instrument, p.side))
                && kind.is_none_or(|kind| kind == if p.amount.is_sign_negative() { 2 } else { 1 })
                && start.is_none_or(|s| p.time_ms >= s)
                && end.is_none_or(|e| p.time_ms <= e)
        })
        .collect();
    let shown = wanted.iter().skip(skip).take(take).filter_map(|p| {
        Some(Record {
            id: p.id,
            symbol: call.engine.instruments.get(p.instrument)?.symbol,
            position_type: if p.amount.is_sign_negative() { 2 } else { 1 },
            position_value: Num(p.value()),
            funding: Num(p.received),
            rate: Num(p.rate),
            settle_time: p.time_ms,
        })
    });
    write(Page {
        page_size: take,
        total_count: wanted.len(),
        total_page: wanted.len().div_ceil(take),
        current_page: skip / take + 1,
        result_list: shown.collect(),
    })
}
