//! Leverage, margin mode and position mode. Source: protocol sheet for MEXC, section 5.

use serde_json::json;

use super::super::Answer;
use super::super::errors::{self, ApiError};
use super::{Call, write};
use crate::engine::{Market, Reject, Side};

/// Applies the margin mode and leverage an opening order carries.
pub(super) fn prepare(
    call: &mut Call<'_>,
    instrument: usize,
    isolated: bool,
    leverage: Option<u32>,
) -> Result<(), ApiError> {
    match call.engine.set_isolated(call.account, instrument, isolated) {
        Ok(()) | Err(Reject::NoChange) => {}
        Err(_) => return Err(errors::F_MARGIN_MODE),
    }
    match leverage {
        Some(leverage) => set_leverage(call, instrument, leverage),
        None => Ok(()),
    }
}

pub(super) fn change_leverage(call: &mut Call<'_>) -> Answer {
    let f = call.fields()?;
    let leverage = f.integer("leverage")?.ok_or(errors::F_PARAMS)?;
    let instrument = match (f.text("positionId"), f.text("symbol")) {
        (Some(id), _) => super::account::position_of(id)
            .map(|(instrument, _)| instrument)
            .ok_or(errors::F_PARAMS)?,
        (None, Some(symbol)) => {
            if f.integer("openType")?.is_none() || f.integer("positionType")?.is_none() {
                return Err(errors::F_PARAMS);
            }
            call.find_symbol(symbol)?
        }
        (None, None) => return Err(errors::F_PARAMS),
    };
    set_leverage(call, instrument, leverage)?;
    write(())
}

pub(super) fn leverage(call: &mut Call<'_>) -> Answer {
    let instrument = call.find_symbol(call.get("symbol").ok_or(errors::F_PARAMS)?)?;
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    let settings = account.linear.get(instrument).ok_or(errors::F_CONTRACT)?;
    let open_type = if settings.isolated { 1 } else { 2 };
    let row = |position_type: u8| {
        json!({
            "positionType": position_type, "leverage": settings.leverage, "openType": open_type,
        })
    };
    write([row(1), row(2)])
}

/// 1 hedge, 2 one-way.
pub(super) fn mode(call: &mut Call<'_>) -> Answer {
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    write(if account.hedge_mode { 1 } else { 2 })
}

pub(super) fn change_mode(call: &mut Call<'_>) -> Answer {
    let hedge = match call.fields()?.integer("positionMode")? {
        Some(1) => true,
        Some(2) => false,
        _ => return Err(errors::F_PARAMS),
    };
    match call.engine.set_hedge_mode(call.account, hedge) {
        Ok(()) | Err(Reject::NoChange) => write(()),
        Err(_) => Err(errors::F_MODE_BLOCKED),
    }
}

fn set_leverage(call: &mut Call<'_>, instrument: usize, leverage: u32) -> Result<(), ApiError> {
    let account = call.engine.account(call.account).map_err(|_| errors::F_PERMISSION)?;
    let settings = account.linear.get(instrument).ok_or(errors::F_CONTRACT)?;
    if settings.leverage == leverage {
        return Ok(());
    }
    let set = call.engine.set_leverage(call.account, instrument, leverage);
    set.map_err(|reject| ApiError::from_reject(Market::Linear, Side::Buy, reject))
}
