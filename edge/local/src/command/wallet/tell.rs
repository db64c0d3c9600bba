//! What `hoox wallet` tells: lines for people, JSON for programs.

use comfy_table::Color;
use hoox_wallet::{
    Address, B256, Mined, Rehearsal, TokenAmount, TransactionRecord, TransactionState, format_units,
};
use serde::Serialize;
use serde_json::json;

use crate::command::show;

pub(super) fn address(json: bool, address: Address) -> anyhow::Result<()> {
    let address = address.to_checksum(None);
    if json { show::object(&json!({ "address": address })) } else { show::line(&address) }
}

pub(super) fn balance(json: bool, balance: &TokenAmount) -> anyhow::Result<()> {
    let (amount, symbol) = (balance.to_decimal_text(), show::plain(&balance.symbol));
    if json {
        let decimals = balance.decimals;
        return show::object(&json!({
            "balance": amount, "symbol": symbol, "decimals": decimals,
        }));
    }
    show::line(format!("{amount} {symbol}").trim_end())
}

pub(super) fn rehearsal(json: bool, it: &Rehearsal) -> anyhow::Result<()> {
    let price = it.fees.max_price();
    if json {
        return show::object(&json!({
            "dry_run": true,
            "gas_limit": it.gas_limit,
            "max_gas_price": price.to_string(),
        }));
    }
    let gwei = format_units(hoox_wallet::U256::from(price), 9);
    show::line(&format!(
        "nothing was signed; it would use up to {} gas at up to {gwei} gwei",
        it.gas_limit
    ))
}

pub(super) fn records(json: bool, records: &[TransactionRecord]) -> anyhow::Result<()> {
    let rows: Vec<Row<'_>> = records.iter().map(Row::from).collect();
    let header = ["Name", "Status", "Transaction", "Nonce", "Block", "Gas", "Price"];
    show::rows(json, &rows, &header, Row::cells, "Nothing is under way.")
}

/// A transaction, as it is told. Prices are in wei per gas.
#[derive(Serialize)]
struct Row<'r> {
    id: &'r str,
    status: &'static str,
    tx_hash: Option<B256>,
    nonce: u64,
    block: Option<u64>,
    gas_used: Option<u64>,
    effective_gas_price: Option<String>,
    reason: Option<&'r str>,
}

impl<'r> From<&'r TransactionRecord> for Row<'r> {
    fn from(record: &'r TransactionRecord) -> Self {
        let mined = match &record.state {
            TransactionState::Mined(mined) | TransactionState::Confirmed(mined) => Some(mined),
            _ => None,
        };
        let price = |mined: &Mined| Some(mined.gas_price?.to_string());
        Self {
            id: &record.id,
            status: status(record),
            tx_hash: record.hash(),
            nonce: record.nonce,
            block: mined.map(|mined| mined.block),
            gas_used: mined.map(|mined| mined.gas_used),
            effective_gas_price: mined.and_then(price),
            reason: match &record.state {
                TransactionState::Refused { reason } => Some(reason),
                _ => None,
            },
        }
    }
}

impl Row<'_> {
    fn cells(&self) -> Vec<comfy_table::Cell> {
        let colour = match self.status {
            "confirmed" => Color::Green,
            "signed" | "pending" | "mined" => Color::Yellow,
            _ => Color::Red,
        };
        let number = |number: Option<u64>| show::maybe(&number.map(|it| it.to_string()));
        let status = match self.reason {
            Some(reason) => format!("{}: {reason}", self.status),
            None => self.status.to_owned(),
        };
        vec![
            show::cell(self.id),
            show::cell(status).fg(colour),
            show::maybe(&self.tx_hash.map(|hash| hash.to_string())),
            show::cell(self.nonce.to_string()),
            number(self.block),
            number(self.gas_used),
            show::maybe(&self.effective_gas_price),
        ]
    }
}

fn status(record: &TransactionRecord) -> &'static str {
    match &record.state {
        TransactionState::Signed => "signed",
        TransactionState::Pending => "pending",
        TransactionState::Mined(_) => "mined",
        TransactionState::Confirmed(_) if record.is_cancelled() => "cancelled",
        TransactionState::Confirmed(mined) if mined.succeeded => "confirmed",
        TransactionState::Confirmed(_) => "failed",
        TransactionState::Refused { .. } => "refused",
        _ => "superseded",
    }
}
