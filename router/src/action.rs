use arrayvec::ArrayVec;
use hoox_connector::{Decimal, Position, PositionMode, PositionSide, Side};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a signal wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Open or add to a long position.
    Long,
    /// Open or add to a short position.
    Short,
    /// Close whatever is open.
    Close,
    /// Close the long position.
    CloseLong,
    /// Close the short position.
    CloseShort,
}

impl Action {
    /// Reads an action in any case; `BUY` is `LONG` and `SELL` is `SHORT` (trade.md §2).
    ///
    /// ```
    /// use hoox_router::Action;
    ///
    /// assert_eq!(Action::from_signal("sell"), Some(Action::Short));
    /// assert!(Action::from_signal("Close_Long").is_some_and(Action::closes));
    /// assert_eq!(Action::from_signal("HOLD"), None);
    /// ```
    pub fn from_signal(name: &str) -> Option<Self> {
        const NAMES: [(&str, Action); 7] = [
            ("LONG", Action::Long),
            ("SHORT", Action::Short),
            ("CLOSE", Action::Close),
            ("CLOSE_LONG", Action::CloseLong),
            ("CLOSE_SHORT", Action::CloseShort),
            ("BUY", Action::Long),
            ("SELL", Action::Short),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, action)| *action)
    }

    /// The action's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Long => "LONG",
            Self::Short => "SHORT",
            Self::Close => "CLOSE",
            Self::CloseLong => "CLOSE_LONG",
            Self::CloseShort => "CLOSE_SHORT",
        }
    }

    /// Whether it only ever makes positions smaller.
    pub const fn closes(self) -> bool {
        matches!(self, Self::Close | Self::CloseLong | Self::CloseShort)
    }

    /// The position it opens, or the only one it closes.
    pub const fn position_side(self) -> Option<PositionSide> {
        match self {
            Self::Long | Self::CloseLong => Some(PositionSide::Long),
            Self::Short | Self::CloseShort => Some(PositionSide::Short),
            Self::Close => None,
        }
    }
}

impl core::fmt::Display for Action {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One order an action comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Buy or sell.
    pub side: Side,
    /// The position it opens or closes.
    pub position: PositionSide,
    /// Whether it may only reduce.
    pub reduce_only: bool,
    /// The exact exposure, where the leg closes it; in the base asset.
    pub exposure: Option<Decimal>,
}

/// Why an action comes to no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ActionError {
    /// Nothing is open that it could close.
    #[error("No open position to close.")]
    NoOpenPosition,
    /// It would reduce the opposite position and then flip it, which must be allowed explicitly.
    #[error("The opposite position is open; close it first, or set trade:allow_flip.")]
    WouldFlip,
    /// It opens where only closing makes sense, or the other way round.
    #[error("Not an action of this kind.")]
    NotApplicable,
}

/// The order that opens or adds to a position (trade.md §3).
///
/// `held` is what is open now; in one-way mode an opposite position refuses the entry unless
/// `allow_flip`.
///
/// ```
/// use hoox_connector::{Decimal, Position, PositionMode, PositionSide, Side, Symbol};
/// use hoox_router::{Action, ActionError, entry_leg};
///
/// let short = Position::new(Symbol::new("BTCUSDT")?, Some(PositionSide::Short), Decimal::ONE);
/// let enter = |mode| entry_leg(Action::Long, &[short], mode, false);
/// assert_eq!(enter(PositionMode::OneWay), Err(ActionError::WouldFlip));
/// assert_eq!(enter(PositionMode::Hedge)?.side, Side::Buy);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ActionError::WouldFlip`]; [`ActionError::NotApplicable`] for a closing action.
pub fn entry_leg(
    action: Action,
    held: &[Position],
    mode: PositionMode,
    allow_flip: bool,
) -> Result<Leg, ActionError> {
    let (side, position) = match action {
        Action::Long => (Side::Buy, PositionSide::Long),
        Action::Short => (Side::Sell, PositionSide::Short),
        _ => return Err(ActionError::NotApplicable),
    };
    let opposite = open(held).any(|(held, _)| held != position);
    if mode == PositionMode::OneWay && opposite && !allow_flip {
        return Err(ActionError::WouldFlip);
    }
    Ok(Leg { side, position, reduce_only: false, exposure: None })
}

/// The orders that close what is open: one, or with both sides open one for each (trade.md §3).
///
/// ```
/// use hoox_connector::{Decimal, Position, PositionSide, Side, Symbol};
/// use hoox_router::{Action, closing_legs};
///
/// let held = |side| Position::new(Symbol::new("BTCUSDT").unwrap(), Some(side), Decimal::TWO);
/// let held = [held(PositionSide::Long), held(PositionSide::Short)];
/// assert_eq!(closing_legs(Action::Close, &held)?.len(), 2);
/// let legs = closing_legs(Action::CloseShort, &held)?;
/// assert_eq!((legs[0].side, legs[0].exposure), (Side::Buy, Some(Decimal::TWO)));
/// # Ok::<(), hoox_router::ActionError>(())
/// ```
///
/// # Errors
/// [`ActionError::NoOpenPosition`]; [`ActionError::NotApplicable`] for an opening action.
pub fn closing_legs(action: Action, held: &[Position]) -> Result<ArrayVec<Leg, 2>, ActionError> {
    if !action.closes() {
        return Err(ActionError::NotApplicable);
    }
    let mut legs = ArrayVec::<Leg, 2>::new();
    for (position, size) in open(held) {
        let wanted = action.position_side().is_none_or(|side| side == position);
        let repeated = legs.iter().any(|leg: &Leg| leg.position == position);
        if wanted && !repeated {
            let side = position.closing_side();
            legs.push(Leg { side, position, reduce_only: true, exposure: Some(size) });
        }
    }
    if legs.is_empty() { Err(ActionError::NoOpenPosition) } else { Ok(legs) }
}

fn open(held: &[Position]) -> impl Iterator<Item = (PositionSide, Decimal)> + '_ {
    held.iter()
        .filter(|position| position.size > Decimal::ZERO)
        .filter_map(|position| Some((position.side?, position.size)))
}

#[cfg(test)]
mod tests {
    use hoox_connector::Symbol;

    use super::*;

    fn held(side: PositionSide, size: i64) -> Position {
        Position::new(Symbol::new("BTCUSDT").unwrap(), Some(side), Decimal::new(size, 3))
    }

    #[test]
    fn every_row_of_the_action_table() {
        use PositionMode::{Hedge, OneWay};
        use PositionSide::{Long, Short};
        let leg = |side, position| Leg { side, position, reduce_only: false, exposure: None };
        let close = |side, position, size| Leg {
            side,
            position,
            reduce_only: true,
            exposure: Some(Decimal::new(size, 3)),
        };
        let (long, short) = (held(Long, 5), held(Short, 7));
        for mode in [OneWay, Hedge] {
            assert_eq!(entry_leg(Action::Long, &[], mode, false), Ok(leg(Side::Buy, Long)));
            assert_eq!(entry_leg(Action::Short, &[], mode, false), Ok(leg(Side::Sell, Short)));
            // LONG while long adds.
            assert_eq!(entry_leg(Action::Long, &[long], mode, false), Ok(leg(Side::Buy, Long)));
        }
        let flip = Err(ActionError::WouldFlip);
        assert_eq!(entry_leg(Action::Long, &[short], OneWay, false), flip);
        assert_eq!(entry_leg(Action::Short, &[long], OneWay, false), flip);
        assert_eq!(entry_leg(Action::Long, &[short], OneWay, true), Ok(leg(Side::Buy, Long)));
        assert_eq!(entry_leg(Action::Long, &[short], Hedge, false), Ok(leg(Side::Buy, Long)));

        let legs = |action, held: &[Position]| closing_legs(action, held).map(|legs| legs.to_vec());
        assert_eq!(legs(Action::Close, &[long]), Ok(vec![close(Side::Sell, Long, 5)]));
        assert_eq!(legs(Action::Close, &[short]), Ok(vec![close(Side::Buy, Short, 7)]));
        let both = vec![close(Side::Sell, Long, 5), close(Side::Buy, Short, 7)];
        assert_eq!(legs(Action::Close, &[long, short]), Ok(both));
        assert_eq!(legs(Action::CloseShort, &[long, short]), Ok(vec![close(Side::Buy, Short, 7)]));
        let nothing = Err(ActionError::NoOpenPosition);
        assert_eq!(legs(Action::Close, &[]), nothing);
        assert_eq!(legs(Action::Close, &[held(Long, 0)]), nothing);
        assert_eq!(legs(Action::CloseLong, &[short]), nothing);
        assert_eq!(legs(Action::Long, &[long]), Err(ActionError::NotApplicable));
    }
}
