//! Profit and loss by day.

use std::collections::BTreeMap;

use hoox_connector::{Decimal, parse_decimal};
use serde::Serialize;

use super::{ExecutionRow, day_of};

/// What one UTC day's fills came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct DayPnl {
    /// The day: `2026-01-31`.
    pub day: String,
    /// The sum of what reductions realised, without fees; in the quote asset.
    pub realized_pnl: String,
    /// The fees by the asset they were paid in.
    pub fees: BTreeMap<String, String>,
    /// How many executions there were.
    pub executions: u32,
    /// How many reductions made a profit.
    pub wins: u32,
    /// How many reductions made a loss.
    pub losses: u32,
    /// How many reductions cannot be counted, because a price was not known.
    pub unknown: u32,
}

/// Sums rows up, newest day first.
pub(super) fn by_day(rows: &[ExecutionRow]) -> Vec<DayPnl> {
    #[derive(Default)]
    struct Sums {
        pnl: Decimal,
        fees: BTreeMap<String, Decimal>,
        told: DayPnl,
    }
    let mut days = BTreeMap::<String, Sums>::new();
    for row in rows {
        let sums = days.entry(day_of(row.at)).or_default();
        sums.told.executions += 1;
        let decimal = |text: &Option<String>| parse_decimal(text.as_deref()?).ok();
        match decimal(&row.realized_pnl) {
            Some(pnl) => {
                sums.pnl = sums.pnl.saturating_add(pnl);
                sums.told.wins += u32::from(pnl > Decimal::ZERO);
                sums.told.losses += u32::from(pnl < Decimal::ZERO);
            }
            None => sums.told.unknown += u32::from(row.change.starts_with('-')),
        }
        if let (Some(fee), Some(asset)) = (decimal(&row.fee), &row.fee_asset) {
            let sum = sums.fees.entry(asset.clone()).or_default();
            *sum = sum.saturating_add(fee);
        }
    }
    let text = |value: Decimal| value.normalize().to_string();
    let told = |(day, sums): (String, Sums)| DayPnl {
        day,
        realized_pnl: text(sums.pnl),
        fees: sums.fees.into_iter().map(|(asset, fee)| (asset, text(fee))).collect(),
        ..sums.told
    };
    days.into_iter().rev().map(told).collect()
}
