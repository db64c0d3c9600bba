//! Faults as they are written on the command line.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use hoox_venue::{Config, Fault, FaultKind, FaultPlan};

/// The value of one `--fault`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultArg {
    /// `reply_lost x3 :250ms @POST /fapi/v1/order`, without the spaces.
    One(Fault),
    /// `seed=7,reply_lost=1%`.
    ByChance(FaultPlan),
    /// A JSON file with a list of faults.
    Script(PathBuf),
}

impl FromStr for FaultArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.ends_with(".json") {
            return Ok(Self::Script(text.into()));
        }
        let (what, on) = match text.split_once('@') {
            Some((what, on)) => (what, Some(on)),
            None => (text, None),
        };
        // A match may contain an equals sign, a kind may not.
        if what.contains('=') {
            return text.parse().map(Self::ByChance).map_err(|e: hoox_venue::BadFaultPlan| {
                format!("{e}; a plan looks like seed=7,reply_lost=1%,delay=2%:300ms")
            });
        }
        one(what, on).map(Self::One)
    }
}

/// `KIND[xCOUNT][:MS]`.
fn one(what: &str, on: Option<&str>) -> Result<Fault, String> {
    let (what, time) = match what.split_once(':') {
        Some((what, time)) => (what, Some(time)),
        None => (what, None),
    };
    let counted = what.rsplit_once('x').and_then(|(kind, n)| Some((kind, n.parse().ok()?)));
    let (kind, count) = counted.unwrap_or((what, 1));
    let kind: FaultKind = serde_json::from_value(kind.into())
        .map_err(|_| format!("there is no fault '{kind}'; `hoox venue --help` lists them"))?;
    let mut fault = Fault::new(kind).times(count);
    if let Some(time) = time {
        let ms = time.strip_suffix("ms").unwrap_or(time).parse();
        fault = fault.ms(ms.map_err(|_| format!("'{time}' is not a time such as 300ms"))?);
    }
    Ok(match on {
        Some(on) => fault.on(on),
        None => fault,
    })
}

/// Puts the faults into the configuration, reading the scripts.
pub(crate) fn configure(config: &mut Config, faults: Vec<FaultArg>) -> anyhow::Result<()> {
    for fault in faults {
        match fault {
            FaultArg::One(fault) => config.script.push(fault),
            FaultArg::Script(file) => config.script.extend(script(&file)?),
            FaultArg::ByChance(plan) => {
                if config.faults.replace(plan).is_some() {
                    bail!("--fault names two plans by chance; put all rates into one");
                }
            }
        }
    }
    Ok(())
}

fn script(file: &Path) -> anyhow::Result<Vec<Fault>> {
    let name = file.display();
    let text = std::fs::read(file).with_context(|| format!("cannot read the faults in {name}"))?;
    serde_json::from_slice(&text).with_context(|| format!("{name} is not a list of faults"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn read(text: &str) -> FaultArg {
        text.parse().unwrap()
    }

    #[test]
    fn a_fault_has_a_kind_and_may_have_a_count_a_time_and_a_match() {
        let fault = Fault::new(FaultKind::ReplyLost);
        assert_eq!(read("reply_lost"), FaultArg::One(fault.clone()));
        assert_eq!(
            read("reply_lostx3@POST /fapi/v1/order?x=1:2"),
            FaultArg::One(fault.times(3).on("POST /fapi/v1/order?x=1:2"))
        );
        let delay = Fault::new(FaultKind::Delay).ms(250);
        assert_eq!(read("delay:250ms"), FaultArg::One(delay.clone()));
        assert_eq!(read("delayx2:250"), FaultArg::One(delay.times(2)));
        assert_eq!(read("http_429x10"), FaultArg::One(Fault::new(FaultKind::Http429).times(10)));
        assert_eq!(
            read("clock_skew:-1500"),
            FaultArg::One(Fault::new(FaultKind::ClockSkew).ms(-1_500))
        );
    }

    #[test]
    fn a_plan_has_a_seed_and_rates() {
        let FaultArg::ByChance(plan) = read("seed=7,reply_lost=0.5%,delay=2%:300ms") else {
            panic!("not a plan");
        };
        assert_eq!(plan.seed, 7);
        assert_eq!(plan.rates.len(), 2);
    }

    #[test]
    fn what_is_no_fault_is_refused_with_a_reason() {
        for (text, says) in [
            ("reply_last", "no fault 'reply_last'"),
            ("delay:soon", "'soon' is not a time"),
            ("reply_lostx", "no fault 'reply_lostx'"),
            ("seed=7,nonsense=1%", "no fault 'nonsense'"),
            ("", "no fault ''"),
        ] {
            let error = text.parse::<FaultArg>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_script_is_a_file_of_faults_and_plans_do_not_add_up() {
        let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
        std::fs::write(&file, r#"[{"kind":"reply_lost"},{"kind":"delay","ms":5,"count":2}]"#)
            .unwrap();
        let mut config = Config::default();
        let script = read(file.path().to_str().unwrap());
        configure(&mut config, vec![read("html"), script.clone()]).unwrap();
        assert_eq!(config.script.len(), 3);
        std::fs::write(&file, r#"{"kind":"reply_lost"}"#).unwrap();
        let error = configure(&mut config, vec![script]).unwrap_err();
        assert!(error.to_string().contains("not a list of faults"), "{error}");
        let twice = vec![read("html=1%"), read("delay=1%")];
        assert!(configure(&mut config, twice).is_err());
    }
}
