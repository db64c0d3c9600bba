//! What is told while a test runs: log lines, and metrics.
#![allow(dead_code)] // no test looks at all of it

use std::io::Write;
use std::sync::{Arc, Mutex};

use metrics_util::debugging::{DebugValue, Snapshotter};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// What is logged on this thread, spans included.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Listens until the guard is dropped, to this level and what is graver.
    pub(crate) fn listen(level: tracing::Level) -> (Self, DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(lines.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines with which spans end, and all that they hold.
    pub(crate) fn closed(&self) -> Vec<String> {
        let text = self.text();
        text.lines().filter(|line| line.contains(": close ")).map(str::to_owned).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Metrics by name and values of labels, as in `hoox_requests_total[binance spot …]`.
pub(crate) struct Metrics(Vec<(String, DebugValue)>);

impl Metrics {
    pub(crate) fn of(snapshots: &Snapshotter) -> Self {
        let told = snapshots.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
            let labels = key.key().labels().map(|label| label.value().to_owned());
            let labels: Vec<String> = labels.collect();
            (format!("{}[{}]", key.key().name(), labels.join(" ")), value)
        });
        Self(told.collect())
    }

    pub(crate) fn find(&self, wanted: &str) -> &DebugValue {
        let found = self.0.iter().find(|(key, _)| key == wanted);
        &found.unwrap_or_else(|| panic!("{wanted} is missing: {:?}", self.0)).1
    }

    /// All counters whose names begin so, together.
    pub(crate) fn sum(&self, begin: &str) -> u64 {
        let of = |(key, value): &(String, DebugValue)| match value {
            DebugValue::Counter(count) if key.starts_with(begin) => *count,
            _ => 0,
        };
        self.0.iter().map(of).sum()
    }

    /// The samples of a histogram.
    pub(crate) fn samples(&self, wanted: &str) -> Vec<f64> {
        match self.find(wanted) {
            DebugValue::Histogram(samples) => samples.iter().map(|it| it.into_inner()).collect(),
            other => panic!("{wanted} is {other:?}"),
        }
    }
}
