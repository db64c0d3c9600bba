//! What `hoox wallet` tells: lines for people, JSON for programs.

use comfy_table::Color;
use hoox_wallet::{
    Action, Address, B256, COIN_DECIMALS, Chain, Evidence, Mined, Rehearsal, TokenAmount,
    TransactionRecord, TransactionState, U256, format_units,
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

pub(super) fn rehearsal(json: bool, it: &Rehearsal, coin: &str) -> anyhow::Result<()> {
    let price = it.fees.max_price();
    let fee =
        it.gas_limit.map(|gas| format_units(U256::from(gas) * U256::from(price), COIN_DECIMALS));
    if json {
        return show::object(&json!({
            "dry_run": true,
            "spends": it.spends,
            "gas_limit": it.gas_limit,
            "max_gas_price": price.to_string(),
            "max_fee": fee,
            "approvals_before": it.before.len(),
            "simulated": it.evidence == Evidence::Simulated,
        }));
    }
    let gwei = format_units(U256::from(price), 9);
    let gas = match (fee, it.gas_limit) {
        (Some(fee), Some(gas)) => {
            format!("its gas would cost at most {fee} {coin} ({gas} gas at up to {gwei} gwei)")
        }
        _ => format!("what gas it needs is not known; it would cost up to {gwei} gwei"),
    };
    let before = match it.before.len() {
        0 => String::new(),
        count => format!(", after {count} approval(s)"),
    };
    let known = match it.evidence {
        Evidence::Simulated => "",
        _ => "; the node simulates nothing behind an approval, so that the quote must do",
    };
    show::line(&format!("nothing was signed; {gas}{before}{known}"))
}

pub(super) fn records(json: bool, records: &[TransactionRecord]) -> anyhow::Result<()> {
    let rows: Vec<Row<'_>> = records.iter().map(Row::from).collect();
    let header = ["Name", "Status", "What", "Transaction", "Nonce", "Block", "Gas", "Price (wei)"];
    show::rows(json, &rows, &header, Row::cells, "Nothing is under way.")
}

/// A transaction, as it is told. Prices are in wei per gas.
#[derive(Serialize)]
struct Row<'r> {
    id: &'r str,
    what: String,
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
            what: what(record),
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
            show::cell(self.what.clone()),
            show::maybe(&self.tx_hash.map(|hash| hash.to_string())),
            show::cell(self.nonce.to_string()),
            number(self.block),
            number(self.gas_used),
            show::maybe(&self.effective_gas_price),
        ]
    }
}

/// What a transaction does, in a few words. Of tokens the decimals are not known here.
fn what(record: &TransactionRecord) -> String {
    let chain = Chain::with_id(record.chain_id);
    let coin = chain.map_or_else(|| "coins".to_owned(), |chain| chain.coin);
    let coins = |wei: U256| format!("{} {coin}", format_units(wei, COIN_DECIMALS));
    match &record.action {
        Action::Send { to, value, data } if *to == record.from && data.is_empty() => {
            format!("{} to itself", coins(*value))
        }
        Action::Send { to, value, data } => {
            let call = if data.is_empty() { "" } else { " with a call" };
            format!("{} to {}{call}", coins(*value), short(*to))
        }
        Action::Transfer { token, to, amount } => {
            format!("{amount} units of {} to {}", short(*token), short(*to))
        }
        Action::Approve { token, spender, amount } => {
            format!("{} may take {amount} units of {}", short(*spender), short(*token))
        }
        Action::Swap(request) => {
            format!("{} for {}", short(request.token_in), short(request.token_out))
        }
        Action::Wrap { amount } => format!("wrap {}", coins(*amount)),
        Action::Unwrap { amount } => format!("unwrap {}", coins(*amount)),
        _ => String::new(),
    }
}

/// An address as people compare it, by its ends; the zero address is the coin.
fn short(address: Address) -> String {
    let text = address.to_checksum(None);
    match (address.is_zero(), text.get(..6), text.get(38..)) {
        (true, ..) => "coins".to_owned(),
        (false, Some(start), Some(end)) => format!("{start}…{end}"),
        _ => text,
    }
}

fn status(record: &TransactionRecord) -> &'static str {
    match &record.state {
        TransactionState::Signed => "signed",
        TransactionState::Pending | TransactionState::Overtaken { .. } => "pending",
        TransactionState::Mined(_) => "mined",
        TransactionState::Confirmed(_) if record.is_cancelled() => "cancelled",
        TransactionState::Confirmed(mined) if mined.succeeded => "confirmed",
        TransactionState::Confirmed(_) => "failed",
        TransactionState::Refused { .. } => "refused",
        _ => "superseded",
    }
}
