//! The day's loss: what the accounts are worth is written down, and trading halts when too much of it is
//! gone (data.md §2, `balances`; §3, `trade:max_daily_drawdown_percent`).

use core::time::Duration;
use std::time::Instant;

use hoox_connector::{Clock, Decimal, Timestamp};
use hoox_router::{
    ConfigSnapshot, Drawdown, Equities, Equity, LogEntry, LogLevel, RequestId, SignalStore,
    StoreUnavailable, utc_date,
};

use crate::archive::watched;
use crate::service::Service;
use crate::store::HaltOf;

/// How often the accounts are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How often what they are worth is written down, while `retention:balances_snapshot_enabled` says so;
/// the first of a day always is.
const WRITE_EVERY: Duration = Duration::from_secs(5 * 60);

/// After how many looks at an account that tells nothing somebody must know.
const MISSES: u32 = 3;

const DAY: u64 = 24 * 60 * 60;

/// Watches the day's loss.
#[derive(Debug, Default)]
pub(crate) struct RiskLoop {
    written: Option<Instant>,
    missed: u32,
}

impl RiskLoop {
    /// Looks for ever.
    pub(crate) async fn run(mut self, service: &Service) {
        loop {
            if let Err(error) = self.look(service).await {
                tracing::error!(%error, "the day's loss cannot be judged");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Looks once: writes balances down, and halts trading if the day has cost too much.
    pub(crate) async fn look(&mut self, service: &Service) -> Result<(), StoreUnavailable> {
        let equities = service.router.equities().await;
        let config = service.router.config().await;
        let now = service.store.clock().now();
        let midnight = now.as_millis() / 1_000 / DAY * DAY;
        let first = service.store.first_balances(i64::try_from(midnight).unwrap_or(i64::MAX))?;
        let start_of = |equity: &Equity| {
            let same = |(exchange, _): &&(String, Decimal)| exchange == equity.venue.as_str();
            first.iter().find(same).map(|(_, total)| *total)
        };
        let is_first = |equity: &Equity| start_of(equity).is_none();
        self.write_down(service, &config, &equities, is_first).await?;
        let day = utc_date(now);
        let halt = service.store.halt_of(&day)?;
        if halt == Some(HaltOf::NotFlat) && config.kill_switch {
            return flatten(service, &day).await;
        }
        if !self.all_told(service, &equities, now).await || halt.is_some() {
            return Ok(());
        }
        let sum = |worth: &dyn Fn(&Equity) -> Decimal| {
            let all = equities.known.iter().map(worth);
            all.fold(Decimal::ZERO, Decimal::saturating_add)
        };
        let start = sum(&|equity| start_of(equity).unwrap_or(equity.total));
        let drawdown = Drawdown::between(start, sum(&|equity| equity.total));
        let limit = config.max_daily_drawdown_percent;
        match drawdown.filter(|drawdown| config.readable && drawdown.exceeds(limit)) {
            None => Ok(()),
            Some(drawdown) => {
                service.store.halt(&day, drawdown).await?;
                let Drawdown { start, now: left, percent, .. } = drawdown;
                let percent = percent.round_dp(2);
                let message = format!(
                    "the day has cost {percent} % ({start} to {left} USDT), more than {limit} %: the \
                     kill switch is on, and every position is being closed"
                );
                note(service, LogLevel::Error, now, message).await;
                flatten(service, &day).await
            }
        }
    }

    async fn write_down(
        &mut self,
        service: &Service,
        config: &ConfigSnapshot,
        equities: &Equities,
        is_first: impl Fn(&Equity) -> bool,
    ) -> Result<(), StoreUnavailable> {
        let is_due = config.balances_snapshot
            && self.written.is_none_or(|written| written.elapsed() >= WRITE_EVERY);
        let rows = equities.known.iter().filter(|equity| is_due || is_first(equity));
        let rows: Vec<Equity> = rows.copied().collect();
        if is_due {
            self.written = Some(Instant::now());
        }
        match rows.is_empty() {
            true => Ok(()),
            false => service.store.note_balances(rows).await,
        }
    }

    /// Whether every account told what it is worth: of those that do not, nothing is made up.
    async fn all_told(&mut self, service: &Service, equities: &Equities, now: Timestamp) -> bool {
        if equities.unknown.is_empty() {
            self.missed = 0;
            return true;
        }
        self.missed += 1;
        if self.missed == MISSES {
            let names: Vec<&str> = equities.unknown.iter().map(|venue| venue.as_str()).collect();
            let message =
                format!("{} tells no balance: the day's loss is not judged", names.join(", "));
            note(service, LogLevel::Error, now, message).await;
        }
        false
    }
}

/// Closes every position; what is left is tried again at the next look.
async fn flatten(service: &Service, day: &str) -> Result<(), StoreUnavailable> {
    let id = RequestId::from_random(uuid::Uuid::new_v4().into_bytes());
    let all = watched(service.router.close_all(id, false)).await;
    match all.is_complete() {
        true => service.store.flat(day).await,
        false => Ok(()),
    }
}

async fn note(service: &Service, level: LogLevel, at: Timestamp, message: String) {
    let details = String::new();
    let entry = LogEntry { at, level, service: "risk", message, request_id: None, details };
    service.store.log(&entry).await;
}

#[cfg(test)]
mod tests {
    use hoox_connector::{Credentials, Venue};
    use hoox_ledger::ledger::Ledger;
    use hoox_router::{Action, ConfigStore, ShortText, Signal};
    use hoox_venue::{Config, Limits, Market, PriceModel, Running, Server};

    use super::*;
    use crate::recorder::Recorder;
    use crate::service::{AccountSetup, Setup};

    async fn stage(config: &[(&str, &str)]) -> (Running, Service, tempfile::TempDir) {
        let data = tempfile::tempdir().unwrap();
        let prices = PriceModel::Still;
        let (limits, linear_usdt) = (Limits::unlimited(), Decimal::from(100_000));
        let venue = Config { limits, prices, linear_usdt, ..Config::default() };
        let venue = Server::start("127.0.0.1:0".parse().unwrap(), venue).await.unwrap();
        let binance = venue.binance();
        let account = AccountSetup {
            venue: Venue::Binance,
            test: false,
            credentials: Credentials::hmac(&binance.api_key, &binance.api_secret),
            base_url: Some(binance.rest),
            entry_url: None,
        };
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let setup = Setup {
            data_dir: data.path().to_owned(),
            passkeys: Vec::new(),
            config: config.iter().map(pair).collect(),
            config_file: None,
            chains: Vec::new(),
            accounts: vec![account],
            transport: Recorder::silent(),
            relaxed: false,
        };
        let service = Service::open(setup).await.unwrap();
        (venue, service, data)
    }

    /// Sets the price of BTCUSDT futures to so many percent of what it is.
    fn move_price(venue: &Running, percent: i64) {
        let now = hoox_connector::SystemClock.now().as_millis();
        venue.with(|exchange| {
            let price = exchange.price(now, Market::Linear, "BTCUSDT").unwrap();
            let moved = price * Decimal::new(percent, 2);
            assert!(exchange.set_price(now, Market::Linear, "BTCUSDT", Some(moved.round())));
        });
    }

    async fn buy(service: &Service, n: u8) -> u16 {
        let symbol = hoox_connector::Symbol::new("BTCUSDT").unwrap();
        let quantity = Some(Decimal::ONE);
        let mut signal = Signal::new(Venue::Binance, Action::Long, symbol, quantity);
        signal.leverage = Some(10);
        signal.idempotency_key = Some(ShortText::format(format_args!("{n}")));
        service.router.execute(signal, RequestId::from_random([n; 16])).await.status
    }

    async fn switch(service: &Service) -> Option<String> {
        ConfigStore::load(&service.store, &[crate::store::SWITCH]).await.unwrap().remove(0)
    }

    fn positions(service: &Service) -> usize {
        Ledger::open(&service.data_dir).unwrap().positions(true).unwrap().len()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn too_great_a_loss_halts_trading_once_a_day_and_closes_everything() {
        let limit = [("trade:max_daily_drawdown_percent", "-1")];
        let (venue, service, _data) = stage(&limit).await;
        let mut risk = RiskLoop::default();
        risk.look(&service).await.unwrap();
        assert_eq!(buy(&service, 1).await, 200);
        move_price(&venue, 99);
        risk.look(&service).await.unwrap();
        assert_eq!(switch(&service).await, None, "within the limit");
        move_price(&venue, 96);
        risk.look(&service).await.unwrap();
        assert_eq!(switch(&service).await.as_deref(), Some("true"));
        service.store.flush().await.unwrap();
        assert_eq!(positions(&service), 0);
        let day = utc_date(service.store.clock().now());
        assert_eq!(service.store.halt_of(&day).unwrap(), Some(HaltOf::Flat));
        let ledger = Ledger::open(&service.data_dir).unwrap();
        assert_eq!(ledger.balances(10).unwrap().len(), 1, "the first of the day");
        // The operator trades on: the same loss does not halt him again today.
        service.store.set_config(crate::store::SWITCH, "false").await.unwrap();
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(buy(&service, 2).await, 200);
        risk.look(&service).await.unwrap();
        service.store.flush().await.unwrap();
        assert_eq!((switch(&service).await.as_deref(), positions(&service)), (Some("false"), 1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_could_not_be_closed_is_closed_at_the_next_look() {
        let (venue, service, _data) = stage(&[]).await;
        let mut risk = RiskLoop::default();
        risk.look(&service).await.unwrap();
        assert_eq!(buy(&service, 1).await, 200);
        // As after a crash between the halt and the close.
        let day = utc_date(service.store.clock().now());
        let drawdown = Drawdown::between(Decimal::ONE_HUNDRED, Decimal::TEN).unwrap();
        service.store.halt(&day, drawdown).await.unwrap();
        tokio::time::sleep(Duration::from_millis(900)).await;
        risk.look(&service).await.unwrap();
        service.store.flush().await.unwrap();
        assert_eq!(positions(&service), 0);
        assert_eq!(service.store.halt_of(&day).unwrap(), Some(HaltOf::Flat));
        drop(venue);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_account_that_tells_nothing_is_worth_nothing_made_up() {
        let (venue, service, _data) = stage(&[]).await;
        let mut risk = RiskLoop::default();
        risk.look(&service).await.unwrap();
        venue.shutdown().await;
        for _ in 0..MISSES {
            risk.look(&service).await.unwrap();
        }
        assert_eq!(switch(&service).await, None);
        service.store.flush().await.unwrap();
        let other = rusqlite::Connection::open(service.data_dir.join("hoox.db")).unwrap();
        let told: i64 = other
            .query_row(
                "SELECT count(*) FROM system_logs WHERE service = 'risk' AND level = 'ERROR'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(told, 1);
    }
}
