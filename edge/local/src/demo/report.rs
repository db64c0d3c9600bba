//! What the demo shows, as tables for people or as one JSON object.

use core::time::Duration;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};
use hdrhistogram::Histogram;
use hoox_router::Step;
use serde_json::{Map, Value, json};

use super::latency::Latency;
use super::stage::{Answered, Stage};
use crate::store::TradeRow;

/// Collects expectations, and prints as the demo goes.
pub(super) struct Report {
    json: Option<Map<String, Value>>,
    scenes: Vec<[String; 4]>,
    expectations: Vec<(String, bool)>,
    /// The request whose story is told in full.
    told: Option<String>,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        let json = json.then(Map::new);
        Self { json, scenes: Vec::new(), expectations: Vec::new(), told: None }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json.is_some()
    }

    pub(super) fn failed(&self) -> usize {
        self.expectations.iter().filter(|(_, held)| !held).count()
    }

    pub(super) fn intro(&mut self, stage: &Stage) {
        let venue = stage.venue.binance().rest;
        self.put("webhook", json!(stage.webhook));
        self.put("venue", json!(venue));
        self.say(&format!(
            "webhooks go to   {}\norders go to     {venue} (a simulated Binance, in this process)",
            stage.webhook
        ));
    }

    pub(super) fn heading(&self, text: &str) {
        self.say(&format!("\n{text}"));
    }

    /// Notes that something held, or did not.
    pub(super) fn expect(&mut self, what: &str, held: bool) {
        self.expectations.push((what.to_owned(), held));
    }

    /// One signal and its answer.
    pub(super) fn scene(&mut self, what: &str, answered: &Answered, status: u16, code: &str) {
        self.expect(
            &format!("{what}: {status} {code}"),
            answered.status == status && answered.code() == code,
        );
        let wait =
            answered.retry_after.as_ref().map(|seconds| format!("\nretry after {seconds} s"));
        let outcome = if answered.status == 200 {
            let (quantity, price) = (answered.result("executedQty"), answered.result("price"));
            format!("{} {quantity} at {price}", answered.result("status"))
        } else {
            answered.reason() + &wait.unwrap_or_default()
        };
        let code = if answered.code().is_empty() { "ok" } else { answered.code() };
        self.scenes.push([what.into(), answered.status.to_string(), code.into(), outcome]);
    }

    pub(super) fn scenes_end(&mut self) {
        let mut table = table(&["signal", "status", "code", "outcome"]);
        for row in &self.scenes {
            table.add_row(row);
        }
        self.say(&table.to_string());
        let rows = self.scenes.iter().map(|[signal, status, code, outcome]| {
            json!({ "signal": signal, "status": status, "code": code, "outcome": outcome })
        });
        let rows = rows.collect();
        self.put("signals", Value::Array(rows));
    }

    /// Remembers whose story [`order_story`](Self::order_story) tells.
    pub(super) fn note_order(&mut self, answered: &Answered) {
        let id = answered.body.get("requestId").and_then(Value::as_str);
        self.told = id.map(str::to_owned);
    }

    /// The first order in full: the request as sent, the route, the rows of the ledger.
    pub(super) fn order_story(&mut self, stage: &Stage) -> anyhow::Result<()> {
        let record = match &self.told {
            Some(id) => stage.service.store.record_json(id)?,
            None => None,
        };
        let record: Value = record.as_deref().map_or(Ok(Value::Null), serde_json::from_str)?;
        self.say(&format!("\nThe route of the first order\n  {}", route(&record)));
        if let Some(sent) = stage.transport.last("/fapi/v1/order") {
            let headers: Vec<_> =
                sent.headers.iter().map(|(name, value)| format!("  {name}: {value}")).collect();
            self.say(&format!(
                "\nThe last order as it was sent, secrets redacted\n  {} {}{}\n{}\n  {}",
                sent.method,
                sent.path,
                sent.query,
                headers.join("\n"),
                sent.body
            ));
            let leaked = serde_json::to_string(&sent)?.contains(&stage.venue.binance().api_key);
            self.expect("no key is shown", !leaked);
            self.put("request", serde_json::to_value(&sent)?);
        }
        let rows = stage.service.store.trades(8)?;
        self.say("\nThe ledger, newest first");
        self.say(&trades(&rows).to_string());
        self.put("route", record);
        self.put("ledger", serde_json::to_value(&rows)?);
        Ok(())
    }

    /// Percentiles from the client's side, and of each step inside.
    pub(super) fn latency(&mut self, run: &str, latency: &Latency) {
        let mut table = table(&["step, in ms", "p50", "p90", "p99"]);
        let mut all = Map::new();
        let whole = ("webhook to acknowledged fill", &latency.whole);
        let steps = latency.steps.iter().map(|(name, histogram)| (*name, histogram));
        for (name, histogram) in steps.chain([whole]) {
            let at = |percentile: u32| millis(histogram.value_at_percentile(percentile.into()));
            let row = [name.to_owned(), at(50), at(90), at(99)];
            let [_, p50, p90, p99] = &row;
            all.insert(name.into(), json!({ "p50": p50, "p90": p90, "p99": p99 }));
            table.add_row(row);
        }
        for column in 1..4 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let median = |histogram: &Histogram<u64>| histogram.value_at_percentile(50.into());
        let durable = latency.steps.iter().find(|(name, _)| *name == Step::IntentDurable.as_str());
        let durable = durable.map_or(0, |(_, histogram)| median(histogram));
        let share = durable * 100 / median(&latency.whole).max(1);
        self.say(&format!("\nLatency, {run} ({} signals)\n{table}", latency.whole.len()));
        self.say(&format!("the durable intent (one sync to disk) is {share} % of the median"));
        all.insert("durable_intent_share_percent".into(), json!(share));
        self.put(&format!("latency, {run}"), Value::Object(all));
    }

    pub(super) fn burst(&mut self, signals: u32, connections: u32, elapsed: Duration) {
        let millis = elapsed.as_millis().max(1);
        let rate = u128::from(signals) * 1_000 / millis;
        self.say(&format!(
            "\nA burst of {signals} signals on {connections} connections took {millis} ms: {rate} signals a second"
        ));
        let figures = json!({ "signals": signals, "connections": connections, "millis": millis as u64, "per_second": rate as u64 });
        self.put("burst", figures);
    }

    pub(super) fn books(&mut self, ours: usize, theirs: usize, counts: Vec<(String, i64)>) {
        let counts: Vec<_> = counts.iter().map(|(status, n)| format!("{n} {status}")).collect();
        self.say(&format!(
            "\nThe ledger holds {} ({ours} orders at the venue, which counts {theirs})",
            counts.join(", ")
        ));
        self.put("books", json!({ "ledger": ours, "venue": theirs }));
    }

    pub(super) fn close(&mut self, elapsed: Duration) {
        let failed = self.failed();
        let held = self.expectations.len() - failed;
        self.say(&format!(
            "\n{held} expectations held, {failed} did not, {} ms",
            elapsed.as_millis()
        ));
        for (what, held) in &self.expectations {
            if !held {
                self.say(&format!("  did not hold: {what}"));
            }
        }
        let expectations: Vec<_> = self
            .expectations
            .iter()
            .map(|(what, held)| json!({ "expectation": what, "held": held }))
            .collect();
        self.put("expectations", Value::Array(expectations));
        self.put("millis", json!(elapsed.as_millis() as u64));
        if let Some(json) = &self.json {
            println!("{}", Value::Object(json.clone()));
        }
    }

    fn say(&self, text: &str) {
        if self.json.is_none() {
            println!("{text}");
        }
    }

    fn put(&mut self, key: &str, value: Value) {
        if let Some(json) = &mut self.json {
            json.insert(key.to_owned(), value);
        }
    }
}

fn route(record: &Value) -> String {
    let field = |pointer: &str| match record.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".into(),
        Some(value) => value.to_string(),
    };
    format!(
        "{} {} {} → {} {} ({}), {} as {}",
        field("/signal/action"),
        field("/signal/quantity"),
        field("/signal/symbol"),
        field("/intent/venue"),
        field("/intent/market"),
        field("/choice/reason"),
        field("/intent/order/quantity"),
        field("/intent/client_order_id"),
    )
}

fn trades(rows: &[TradeRow]) -> Table {
    let mut table =
        table(&["action", "symbol", "side", "quantity", "price", "fee", "status", "order id"]);
    let shown = |value: &Option<String>| value.clone().unwrap_or_default();
    for row in rows {
        table.add_row([
            row.action.clone(),
            row.symbol.clone(),
            row.side.clone(),
            row.quantity.clone(),
            shown(&row.price),
            shown(&row.fee),
            row.status.clone(),
            shown(&row.order_id),
        ]);
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(header);
    table
}

/// Microseconds as milliseconds with two decimals.
fn millis(micros: u64) -> String {
    let hundredths = (micros + 5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
