//! Faults by chance: a seed and how often each kind hits.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::{Fault, FaultKind};

/// Rates are counted in parts of this.
const WHOLE: u32 = 1_000_000;

/// How long kinds that need a time take when the plan names none.
const DEFAULT_MS: i64 = 1_000;

/// Faults drawn at random, the same ones for the same seed and the same requests.
///
/// As text: `seed=7,reply_lost=0.5%,delay=2%:300ms,on=POST`. Everything but the rates may be left
/// out. `on` restricts the requests and events that can be hit, as [`Fault::matches`] does.
///
/// ```
/// use hoox_venue::{FaultKind, FaultPlan};
///
/// let plan: FaultPlan = "seed=7,reply_lost=0.5%,delay=2%:300ms".parse()?;
/// assert_eq!(plan.seed, 7);
/// assert_eq!(plan.rates[&FaultKind::ReplyLost], 5_000);
/// assert_eq!(plan.ms[&FaultKind::Delay], 300);
/// # Ok::<(), hoox_venue::BadFaultPlan>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// Where the draws come from.
    #[serde(default)]
    pub seed: u64,
    /// How many of a million requests (or stream events, for the kinds that hit those) each kind
    /// hits. Together at most a million.
    pub rates: BTreeMap<FaultKind, u32>,
    /// Milliseconds of the kinds that take a time; one second unless given.
    #[serde(default)]
    pub ms: BTreeMap<FaultKind, i64>,
    /// Only requests and events whose line contains this text; see [`Fault::matches`].
    #[serde(default)]
    pub on: Option<String>,
}

/// Why a text is no fault plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadFaultPlan {
    /// Not `name=value`.
    NoValue(String),
    /// No fault has this name.
    UnknownKind(String),
    /// This kind takes effect when queued and cannot be drawn.
    NotByChance(FaultKind),
    /// Not a percentage between 0 and 100.
    BadRate(String),
    /// Not a number of milliseconds.
    BadTime(String),
    /// Not a whole number.
    BadSeed(String),
    /// The rates add up to more than 100 %.
    TooMuch,
}

impl fmt::Display for BadFaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue(part) => write!(f, "'{part}' is not name=value"),
            Self::UnknownKind(name) => write!(f, "there is no fault '{name}'"),
            Self::NotByChance(kind) => write!(f, "'{kind}' cannot be drawn by chance"),
            Self::BadRate(text) => write!(f, "'{text}' is not a percentage such as 0.5%"),
            Self::BadTime(text) => write!(f, "'{text}' is not a time such as 300ms"),
            Self::BadSeed(text) => write!(f, "'{text}' is not a whole number"),
            Self::TooMuch => f.write_str("the rates add up to more than 100%"),
        }
    }
}

impl std::error::Error for BadFaultPlan {}

impl FromStr for FaultPlan {
    type Err = BadFaultPlan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut plan = Self::default();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let no_value = || BadFaultPlan::NoValue(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(no_value)?;
            match name {
                "seed" => {
                    let bad = |_| BadFaultPlan::BadSeed(value.to_owned());
                    plan.seed = value.parse().map_err(bad)?;
                }
                "on" => plan.on = Some(value.to_owned()),
                _ => plan.read_rate(name, value)?,
            }
        }
        plan.check()?;
        Ok(plan)
    }
}

impl FaultPlan {
    /// Whether the plan can be drawn from.
    ///
    /// # Errors
    /// [`BadFaultPlan::NotByChance`] and [`BadFaultPlan::TooMuch`].
    pub fn check(&self) -> Result<(), BadFaultPlan> {
        if let Some(kind) = self.rates.keys().find(|kind| kind.is_immediate()) {
            return Err(BadFaultPlan::NotByChance(*kind));
        }
        for stream in [false, true] {
            let rates = self.rates.iter().filter(|(kind, _)| kind.is_stream() == stream);
            if rates.map(|(_, rate)| u64::from(*rate)).sum::<u64>() > u64::from(WHOLE) {
                return Err(BadFaultPlan::TooMuch);
            }
        }
        Ok(())
    }

    fn read_rate(&mut self, name: &str, value: &str) -> Result<(), BadFaultPlan> {
        let kind: FaultKind = serde_json::from_value(name.into())
            .map_err(|_| BadFaultPlan::UnknownKind(name.to_owned()))?;
        let (rate, time) = match value.split_once(':') {
            Some((rate, time)) => (rate, Some(time)),
            None => (value, None),
        };
        let parts = rate
            .strip_suffix('%')
            .and_then(|percent| percent.parse::<Decimal>().ok())
            .filter(|percent| (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(percent))
            .and_then(|percent| (percent * Decimal::from(WHOLE / 100)).to_u32())
            .ok_or_else(|| BadFaultPlan::BadRate(rate.to_owned()))?;
        self.rates.insert(kind, parts);
        if let Some(time) = time {
            let ms = time.strip_suffix("ms").unwrap_or(time).parse();
            self.ms.insert(kind, ms.map_err(|_| BadFaultPlan::BadTime(time.to_owned()))?);
        }
        Ok(())
    }
}

/// A plan with its draws.
#[derive(Debug)]
pub(super) struct Dice {
    plan: FaultPlan,
    requests: ChaCha8Rng,
    events: ChaCha8Rng,
}

impl Dice {
    pub(super) fn new(plan: &FaultPlan) -> Self {
        let requests = ChaCha8Rng::seed_from_u64(plan.seed);
        let mut events = requests.clone();
        // Events have draws of their own, so that who listens does not change what happens to
        // requests.
        events.set_stream(1);
        Self { plan: plan.clone(), requests, events }
    }

    /// One draw for a request or an event.
    pub(super) fn throw(&mut self, stream: bool, line: &str) -> Option<Fault> {
        if self.plan.on.as_deref().is_some_and(|text| !line.contains(text)) {
            return None;
        }
        let rng = if stream { &mut self.events } else { &mut self.requests };
        // The remainder's bias is below one in a thousand million.
        let mut drawn = u32::try_from(rng.next_u64() % u64::from(WHOLE)).unwrap_or(0);
        for (kind, rate) in self.plan.rates.iter().filter(|(k, _)| k.is_stream() == stream) {
            if drawn < *rate {
                let ms = self.plan.ms.get(kind).copied().unwrap_or(DEFAULT_MS);
                return Some(Fault::new(*kind).ms(ms));
            }
            drawn -= rate;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thrown(seed: u64, count: usize) -> Vec<Option<FaultKind>> {
        let plan = FaultPlan { seed, ..plan("reply_lost=1%,http_429=2%,stream_drop=50%") };
        let mut dice = Dice::new(&plan);
        (0..count).map(|_| dice.throw(false, "GET /x").map(|f| f.kind)).collect()
    }

    fn plan(text: &str) -> FaultPlan {
        text.parse().expect("a plan")
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_at_the_rates_asked_for() {
        let drawn = thrown(7, 20_000);
        assert_eq!(drawn, thrown(7, 20_000));
        assert_ne!(drawn, thrown(8, 20_000));
        let count = |kind| drawn.iter().filter(|k| **k == Some(kind)).count();
        assert!((150..250).contains(&count(FaultKind::ReplyLost)));
        assert!((340..460).contains(&count(FaultKind::Http429)));
        assert_eq!(count(FaultKind::StreamDrop), 0, "requests are no events");
    }

    #[test]
    fn only_matching_lines_are_hit() {
        let mut dice = Dice::new(&plan("reset_before=100%,on=POST"));
        assert!(dice.throw(false, "GET /x").is_none());
        assert!(dice.throw(false, "POST /x").is_some());
        assert!(dice.throw(true, "POST /x").is_none());
    }

    #[test]
    fn plans_are_read_or_refused_with_a_reason() {
        let p = plan("delay=0.25%:40ms, seed=3");
        assert_eq!((p.rates[&FaultKind::Delay], p.ms[&FaultKind::Delay], p.seed), (2_500, 40, 3));
        let bad = |text: &str| text.parse::<FaultPlan>().expect_err("refused");
        assert_eq!(bad("delay"), BadFaultPlan::NoValue("delay".into()));
        assert_eq!(bad("nonsense=1%"), BadFaultPlan::UnknownKind("nonsense".into()));
        assert_eq!(bad("delay=1"), BadFaultPlan::BadRate("1".into()));
        assert_eq!(bad("delay=101%"), BadFaultPlan::BadRate("101%".into()));
        assert_eq!(bad("delay=1%:soon"), BadFaultPlan::BadTime("soon".into()));
        assert_eq!(bad("seed=x"), BadFaultPlan::BadSeed("x".into()));
        assert_eq!(bad("delay=60%,html=60%"), BadFaultPlan::TooMuch);
        assert_eq!(bad("clock_skew=1%"), BadFaultPlan::NotByChance(FaultKind::ClockSkew));
    }
}
