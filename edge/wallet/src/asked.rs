//! What a caller asks for (wallet.md §3).

use hoox_wallet::{
    Action, Address, Bytes, COIN_DECIMALS, SwapRequest, SwapSize, U256, checked_recipient,
    parse_address, parse_integer, parse_units,
};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::refusal::Refusal;
use crate::settings::{Settings, hundredths};

/// The longest data of a call, in bytes.
const DATA_MAX: usize = 64 * 1024;

/// What any action may say.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Common {
    pub(crate) chain: Option<String>,
    #[serde(default)]
    pub(crate) account_index: u32,
    pub(crate) gas_limit: Option<u64>,
    pub(crate) confirmation_id: Option<String>,
    /// Everything but signing.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// An action by name. Fields that are not known, such as a `valueUsd`, count for nothing.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Asked {
    SendTransaction {
        to: String,
        value: String,
        data: Option<String>,
    },
    TransferToken {
        token_address: String,
        to: String,
        amount: String,
    },
    Approve {
        token_address: String,
        spender: String,
        amount: String,
    },
    /// With `amountIn` and `minAmountOut`, or with `amountOut` and `maxAmountIn`.
    Swap {
        token_in: String,
        token_out: String,
        amount_in: Option<String>,
        min_amount_out: Option<String>,
        amount_out: Option<String>,
        max_amount_in: Option<String>,
        recipient: Option<String>,
        deadline: Option<u64>,
        slippage: Option<Number>,
    },
    Wrap {
        amount: String,
    },
    Unwrap {
        amount: String,
    },
    GetBalance {
        address: Option<String>,
        token_address: Option<String>,
    },
    GetAllowance {
        token_address: String,
        owner: Option<String>,
        spender: String,
    },
    /// With `amountIn` or `amountOut`.
    GetQuote {
        token_in: String,
        token_out: String,
        amount_in: Option<String>,
        amount_out: Option<String>,
    },
    /// What became of a request, by its id.
    GetTransaction {
        id: String,
    },
    GetStatus {},
    GetConfig {},
    UpdateConfig {
        config: Value,
    },
    ListTransactions {
        chain: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
        status: Option<String>,
        limit: Option<Value>,
        offset: Option<Value>,
    },
}

/// What the object of an account is told to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) chain: String,
    pub(crate) account: u32,
    /// What is to be done, once under the request's id; without it, the request of `id` is looked up.
    pub(crate) action: Option<Action>,
    pub(crate) id: Option<String>,
    pub(crate) gas_limit: Option<u64>,
    pub(crate) confirmation_id: Option<String>,
    pub(crate) dry_run: bool,
}

impl Asked {
    /// Whether money may leave by it.
    pub(crate) fn is_named_mutating(name: Option<&str>) -> bool {
        let names = ["sendTransaction", "transferToken", "approve", "swap", "wrap", "unwrap"];
        name.is_some_and(|name| names.contains(&name))
    }

    /// What the wallet is to do; none if this only reads.
    pub(crate) fn action(&self, settings: &Settings) -> Result<Option<Action>, Refusal> {
        Ok(Some(match self {
            Self::SendTransaction { to, value, data } => Action::Send {
                to: recipient("to", to)?,
                value: parse_units(value, COIN_DECIMALS)
                    .map_err(|error| Refusal::violation("value", error))?,
                data: bytes(data.as_deref().unwrap_or("0x"))?,
            },
            Self::TransferToken { token_address, to, amount } => Action::Transfer {
                token: recipient("tokenAddress", token_address)?,
                to: recipient("to", to)?,
                amount: units("amount", amount)?,
            },
            Self::Approve { token_address, spender, amount } => Action::Approve {
                token: recipient("tokenAddress", token_address)?,
                spender: recipient("spender", spender)?,
                amount: units("amount", amount)?,
            },
            Self::Swap {
                token_in,
                token_out,
                amount_in,
                min_amount_out,
                amount_out,
                max_amount_in,
                recipient: to,
                deadline,
                slippage,
            } => {
                let size = match side(amount_in.as_deref(), amount_out.as_deref())? {
                    Side::In(input) => SwapSize::ExactIn {
                        input,
                        min_output: bound("minAmountOut", min_amount_out, max_amount_in)?,
                    },
                    Side::Out(output) => SwapSize::ExactOut {
                        output,
                        max_input: bound("maxAmountIn", max_amount_in, min_amount_out)?,
                    },
                };
                let slippage_bps = match slippage {
                    Some(percent) => hundredths(percent)
                        .filter(|bps| *bps <= 10_000)
                        .ok_or_else(|| Refusal::violation("slippage", "Must be a percentage."))?,
                    None => settings.slippage_bps(),
                };
                Action::Swap(SwapRequest {
                    token_in: address("tokenIn", token_in)?,
                    token_out: address("tokenOut", token_out)?,
                    size,
                    slippage_bps,
                    recipient: to
                        .as_deref()
                        .map(|text| recipient("recipient", text))
                        .transpose()?,
                    deadline: *deadline,
                    router: None,
                })
            }
            Self::Wrap { amount } => Action::Wrap { amount: units("amount", amount)? },
            Self::Unwrap { amount } => Action::Unwrap { amount: units("amount", amount)? },
            _ => return Ok(None),
        }))
    }
}

/// The amount that a swap or quote holds fixed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    In(U256),
    Out(U256),
}

/// Exactly one of both amounts.
pub(crate) fn side(amount_in: Option<&str>, amount_out: Option<&str>) -> Result<Side, Refusal> {
    match (amount_in, amount_out) {
        (Some(text), None) => Ok(Side::In(units("amountIn", text)?)),
        (None, Some(text)) => Ok(Side::Out(units("amountOut", text)?)),
        _ => Err(Refusal::violation("amountIn", "Either amountIn or amountOut must be given.")),
    }
}

/// The bound of the side that is not fixed; one for the side that is fixed would mean nothing.
fn bound(
    field: &str,
    text: &Option<String>,
    other: &Option<String>,
) -> Result<Option<U256>, Refusal> {
    if other.is_some() {
        return Err(Refusal::violation(field, "The bound of the other side is given."));
    }
    text.as_deref().map(|text| units(field, text)).transpose()
}

/// An address; the zero address stands for the native coin.
pub(crate) fn address(field: &str, text: &str) -> Result<Address, Refusal> {
    parse_address(text).map_err(|error| Refusal::violation(field, error))
}

fn recipient(field: &str, text: &str) -> Result<Address, Refusal> {
    let address = address(field, text)?;
    checked_recipient(address).map_err(|error| Refusal::violation(field, error))
}

/// A whole number of smallest units.
pub(crate) fn units(field: &str, text: &str) -> Result<U256, Refusal> {
    parse_integer(text).map_err(|error| Refusal::violation(field, error))
}

fn bytes(text: &str) -> Result<Bytes, Refusal> {
    let wrong = || Refusal::violation("data", "Must be bytes in hex, at most 64 KiB.");
    if !text.starts_with("0x") || text.len() > 2 + 2 * DATA_MAX {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}
