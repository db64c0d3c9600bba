//! Databases of every earlier version, with rows in them, are brought up to date with all of them.

use hoox_connector::{Decimal, Timestamp};
use hoox_ledger::ledger::{Ledger, SignalFilter, TradeFilter};
use hoox_router::{ConfigStore, RequestId, Reservation, SignalStore, State};
use rusqlite::params;

use super::super::SqliteStore;
use super::*;

/// A record as the first version wrote it: an order that filled.
const FILLED: &str = r#"{"request_id":"01a208a3-a815-4061-b792-ff765f4e2c08","leg":0,"key":"idemp:old-1:live","reserved_until":4102444800000,"signal":{"exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":"0.01","quantityUnit":"base","leverage":5,"orderType":"MARKET","price":null,"takeProfit":null,"stopLoss":null,"partial":false,"idempotencyKey":"old-1","test":false},"choice":{"venue":"binance","reason":"signal"},"intent":{"venue":"binance","market":"linear","symbol":"BTCUSDT","client_order_id":"hx2da5bb7a198569b0f66d2142d6ae7e","order":{"side":"buy","quantity":"0.01","price":null,"time_in_force":null,"reduce_only":false,"position_side":null,"position_mode":"one_way","take_profit":null,"stop_loss":null,"margin_mode":"isolated","leverage":5},"base_quantity":"0.01","written_at":1795441272854},"state":"acknowledged","attempts":1,"final_after":null,"id_in_use":false,"queued":"no","legs":1,"order_id":"28457000001","execution":{"status":"filled","filled_quantity":"0.010","average_price":"63940.30000","fee":"0.31970150","fee_asset":"USDT","at":1795441272855},"refusal":null,"received_at":1795441272853,"updated_at":1795441272855,"trace":{"done":[43,49,946,1687,1906,1946]}}"#;

const ID: &str = "01a208a3-a815-4061-b792-ff765f4e2c08";
const OPEN_ID: &str = "01a208a3-a816-4061-b792-ff765f4e2c08";

/// The same order, sent, its answer not yet known.
fn open_record() -> String {
    let mut record: serde_json::Value = serde_json::from_str(FILLED).unwrap();
    record["request_id"] = OPEN_ID.into();
    record["key"] = "idemp:old-2:live".into();
    record["state"] = "submitting".into();
    record["execution"] = serde_json::Value::Null;
    record["order_id"] = serde_json::Value::Null;
    record.to_string()
}

/// A database as the first `version` migrations leave it, with a row in each table.
fn database(directory: &std::path::Path, version: usize) {
    let old = Connection::open(directory.join("hoox.db")).unwrap();
    for migration in &MIGRATIONS[..version] {
        old.execute_batch(migration).unwrap();
    }
    old.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
    for (id, state, open, json) in [
        (ID, "acknowledged", false, FILLED.to_owned()),
        (OPEN_ID, "submitting", true, open_record()),
    ] {
        old.execute(
            "INSERT INTO records (request_id, leg, state, open, received_at, json)
             VALUES (?1, 0, ?2, ?3, 1795441272853, ?4)",
            params![id, state, open, json],
        )
        .unwrap();
    }
    old.execute_batch(&format!(
        "INSERT INTO reservations VALUES
             ('idemp:old-1:live', '{ID}', 4102444800000), ('idemp:old-2:live', '{OPEN_ID}', 4102444800000);
         INSERT INTO trades VALUES ('{ID}-0', '{ID}', 'binance', 'BTCUSDT', 'LONG', 'BUY', '0.01',
             '63940.3', '0.3197015', 'USDT', '28457000001', 'Filled', 5,
             'hx2da5bb7a198569b0f66d2142d6ae7e', 'idemp:old-1:live', NULL, 0, 1795441272853,
             1795441272855);
         INSERT INTO trade_signals VALUES
             ('{ID}', '{ID}', 1795441272, 'BTCUSDT', 'LONG', 'webhook', '{{}}', 'Filled', 1795441272);
         INSERT INTO config VALUES ('trade:max_position_size', '0.5');"
    ))
    .unwrap();
    if version < 2 {
        return;
    }
    old.execute_batch(&format!(
        "UPDATE records SET applied_quantity = '0.01', applied_value = '639.403',
             applied_fee = '0.3197015' WHERE request_id = '{ID}';
         INSERT INTO queue VALUES (7, 'q', '{{}}', 2, 1, 4102444800000);
         INSERT INTO dead_letters VALUES (5, 'd', '{{}}', 'given up', 1, 2);
         INSERT INTO positions VALUES
             ('binance', 'BTCUSDT', 'LONG', 0, '0.01', '63940.3', '1.5', 5, 1, 2, NULL);
         INSERT INTO executions VALUES (3, '{ID}', 0, 'binance', 'BTCUSDT', 'LONG', 0, '0.01',
             '63940.3', NULL, '0.3197015', 'USDT', 1795441272855);
         INSERT INTO system_logs VALUES (9, 1795441272, 'ERROR', 'gateway', 'once', NULL, '{ID}');"
    ))
    .unwrap();
}

#[tokio::test]
async fn a_database_of_every_earlier_version_keeps_every_row() {
    for version in 1..MIGRATIONS.len() {
        let directory = tempfile::tempdir().unwrap();
        database(directory.path(), version);
        let store = SqliteStore::open(directory.path()).unwrap();

        let filled =
            SignalStore::load(&store, RequestId::new(ID).unwrap(), 0).await.unwrap().unwrap();
        assert_eq!((filled.state, filled.legs), (State::Acknowledged, 1));
        let open = store.open_intents().await.unwrap();
        assert_eq!(open.len(), 1, "version {version}");
        assert_eq!(open[0].request_id.as_str(), OPEN_ID);
        // The keys are still held.
        let now = Timestamp::from_millis(1_795_441_273_000);
        let other = RequestId::from_random([1; 16]);
        for (record, state) in [(&filled, State::Acknowledged), (&open[0], State::Submitting)] {
            let held = store.reserve(&record.key, other, now, core::time::Duration::ZERO).await;
            let request_id = record.request_id;
            assert_eq!(held, Ok(Reservation::Duplicate { request_id, state: Some(state) }));
        }
        let size = ConfigStore::load(&store, &["trade:max_position_size"]).await.unwrap();
        assert_eq!(size, [Some("0.5".to_owned())]);
        let ledger = Ledger::open(directory.path()).unwrap();
        // The one that was under way when the program ended is told from its intent.
        for (status, request_id) in [("Filled", ID), ("TRADE_PENDING", OPEN_ID)] {
            let filter = TradeFilter { status: Some(status), ..TradeFilter::default() };
            let trades = ledger.trades(&filter).unwrap();
            assert_eq!((trades.len(), trades[0].quantity.as_str()), (1, "0.01"));
            assert_eq!(trades[0].request_id, request_id);
            let filter = SignalFilter { outcome: Some(status), ..SignalFilter::default() };
            assert_eq!(ledger.signals(&filter).unwrap().len(), 1);
        }
        let life = ledger.life(ID).unwrap().unwrap();
        assert_eq!((life.records.len(), life.trades.len(), life.signals.len()), (1, 1, 1));
        if version >= 2 {
            assert_eq!((life.executions.len(), life.log.len()), (1, 1));
            let positions = ledger.positions(true).unwrap();
            assert_eq!((positions.len(), positions[0].realized_pnl.as_str()), (1, "1.5"));
            assert_eq!(
                (ledger.queue(9).unwrap()[0].id, ledger.queue(9).unwrap()[0].attempts),
                (7, 2)
            );
            assert_eq!(ledger.dead_letters(9).unwrap()[0].id, 5);
        }
        // What was applied before is not applied again, and the next order adds to it.
        store.write(&filled, hoox_router::Durability::Synced).await.unwrap();
        let held = store.open_positions().await.unwrap();
        let size: Decimal = "0.01".parse().unwrap();
        assert_eq!(held.iter().map(|held| held.holding.size).collect::<Vec<_>>(), [size]);
        let indexes: i64 = Connection::open(directory.path().join("hoox.db"))
            .unwrap()
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'index'", [], |row| {
                row.get(0)
            })
            .unwrap();
        let fresh = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(fresh.path()).unwrap());
        let expected: i64 = Connection::open(fresh.path().join("hoox.db"))
            .unwrap()
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'index'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(indexes, expected, "an upgraded database has what a new one has");
    }
}
