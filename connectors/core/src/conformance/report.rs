use core::fmt;

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything that was checked is right.
    Passed {
        /// How many things were checked.
        checks: usize,
    },
    /// The market has nothing of the kind, and says so.
    NotSupported,
    /// It fails, as is known.
    Deviates {
        /// Why.
        reason: &'static str,
        /// What is wrong.
        failures: Vec<String>,
    },
    /// It fails.
    Failed(Vec<String>),
}

/// One case of a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The case's name.
    pub name: &'static str,
    /// What became of it.
    pub verdict: Verdict,
}

/// Every case and what became of it. `Display` is meant for people: one line per case, and every
/// failure below its case.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    subject: String,
    entries: Vec<Entry>,
}

impl Report {
    /// The cases in the order they were run.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether no case failed, known deviations aside, and at least one passed.
    pub fn is_conformant(&self) -> bool {
        let failed = |entry: &Entry| matches!(entry.verdict, Verdict::Failed(_));
        let passed = |entry: &Entry| matches!(entry.verdict, Verdict::Passed { .. });
        !self.entries.iter().any(failed) && self.entries.iter().any(passed)
    }

    /// The names of the cases that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |entry: &&Entry| matches!(entry.verdict, Verdict::Failed(_));
        self.entries.iter().filter(failed).map(|entry| entry.name).collect()
    }

    /// The names of the cases that the market says it does not support.
    pub fn not_supported(&self) -> Vec<&'static str> {
        let absent = |entry: &&Entry| entry.verdict == Verdict::NotSupported;
        self.entries.iter().filter(absent).map(|entry| entry.name).collect()
    }

    pub(super) fn new(subject: String) -> Self {
        Self { subject, entries: Vec::new() }
    }

    /// Adds a case. A known deviation makes a failure one that is known, and a pass a failure.
    pub(super) fn add(
        &mut self,
        name: &'static str,
        verdict: Verdict,
        known: Option<&'static str>,
    ) {
        let verdict = match (verdict, known) {
            (Verdict::Failed(failures), Some(reason)) => Verdict::Deviates { reason, failures },
            (Verdict::Passed { .. } | Verdict::NotSupported, Some(reason)) => {
                let problem = format!("is right now: strike the deviation \"{reason}\"");
                Verdict::Failed(vec![problem])
            }
            (verdict, _) => verdict,
        };
        self.entries.push(Entry { name, verdict });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "conformance of {}", self.subject)?;
        for Entry { name, verdict } in &self.entries {
            match verdict {
                Verdict::Passed { checks } => writeln!(f, "  passed         {name} ({checks})")?,
                Verdict::NotSupported => writeln!(f, "  not supported  {name}")?,
                Verdict::Deviates { reason, .. } => {
                    writeln!(f, "  deviates       {name}: {reason}")?;
                }
                Verdict::Failed(failures) => {
                    writeln!(f, "  FAILED         {name}")?;
                    for failure in failures {
                        writeln!(f, "                   {failure}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_excuses_a_failure_and_accuses_a_pass() {
        let mut report = Report::new("x".into());
        report.add("a", Verdict::Passed { checks: 1 }, None);
        report.add("b", Verdict::Failed(vec!["wrong".into()]), Some("known"));
        assert!(report.is_conformant(), "{report}");
        report.add("c", Verdict::Passed { checks: 1 }, Some("known"));
        assert_eq!(report.failed(), ["c"]);
        assert!(report.to_string().contains("strike the deviation \"known\""));
    }

    #[test]
    fn a_report_without_a_pass_is_no_success() {
        let mut report = Report::new("x".into());
        report.add("a", Verdict::NotSupported, None);
        assert!(!report.is_conformant());
    }
}
