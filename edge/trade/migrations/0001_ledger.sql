-- The ledger (data.md, tables): decimals are text, times are milliseconds unless said otherwise.
CREATE TABLE trades (
    id               TEXT PRIMARY KEY,
    request_id       TEXT    NOT NULL,
    exchange         TEXT    NOT NULL,
    symbol           TEXT    NOT NULL,
    action           TEXT    NOT NULL,
    side             TEXT    NOT NULL,
    quantity         TEXT    NOT NULL,
    price            TEXT,
    fee              TEXT,
    fee_asset        TEXT,
    order_id         TEXT,
    status           TEXT    NOT NULL,
    leverage         INTEGER,
    client_order_id  TEXT,
    idempotency_key  TEXT    NOT NULL,
    error_message    TEXT,
    test             INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    applied_quantity TEXT,
    applied_value    TEXT,
    applied_fee      TEXT
);
CREATE INDEX trades_created ON trades (created_at, id);
CREATE INDEX trades_symbol ON trades (symbol, created_at);
CREATE INDEX trades_status ON trades (status, created_at);
CREATE INDEX trades_request ON trades (request_id);
CREATE INDEX trades_client_order ON trades (client_order_id);

CREATE TABLE trade_signals (
    signal_id    TEXT PRIMARY KEY,
    request_id   TEXT    NOT NULL,
    timestamp    INTEGER NOT NULL, -- seconds
    symbol       TEXT,
    signal_type  TEXT,
    source       TEXT    NOT NULL,
    raw_data     TEXT,
    outcome      TEXT    NOT NULL,
    processed_at INTEGER NOT NULL  -- seconds
);
CREATE INDEX trade_signals_timestamp ON trade_signals (timestamp);
CREATE INDEX trade_signals_symbol ON trade_signals (symbol, timestamp);

CREATE TABLE positions (
    exchange     TEXT    NOT NULL,
    symbol       TEXT    NOT NULL,
    side         TEXT    NOT NULL,
    test         INTEGER NOT NULL,
    size         TEXT    NOT NULL,
    entry_price  TEXT,
    realized_pnl TEXT    NOT NULL,
    leverage     INTEGER NOT NULL,
    opened_at    INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    closed_at    INTEGER,
    version      INTEGER NOT NULL, -- how often it has moved
    PRIMARY KEY (exchange, symbol, side, test)
);
CREATE INDEX positions_open ON positions (exchange, symbol) WHERE closed_at IS NULL;

CREATE TABLE executions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    trade_id     TEXT    NOT NULL,
    request_id   TEXT    NOT NULL,
    leg          INTEGER NOT NULL,
    exchange     TEXT    NOT NULL,
    symbol       TEXT    NOT NULL,
    position     TEXT    NOT NULL,
    test         INTEGER NOT NULL,
    change       TEXT    NOT NULL,
    price        TEXT,
    realized_pnl TEXT,
    fee          TEXT,
    fee_asset    TEXT,
    at           INTEGER NOT NULL
);
CREATE INDEX executions_trade ON executions (trade_id, id);
CREATE INDEX executions_at ON executions (at);

CREATE TABLE dead_letters (
    id         TEXT PRIMARY KEY,
    request_id TEXT,
    body       TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    at         INTEGER NOT NULL
);

CREATE TABLE system_logs (
    id         TEXT PRIMARY KEY,
    timestamp  INTEGER NOT NULL, -- seconds
    level      TEXT    NOT NULL,
    service    TEXT    NOT NULL,
    message    TEXT    NOT NULL,
    details    TEXT,
    request_id TEXT
);
CREATE INDEX system_logs_timestamp ON system_logs (timestamp);
CREATE INDEX system_logs_request ON system_logs (request_id);
CREATE INDEX system_logs_level ON system_logs (level, timestamp);
CREATE INDEX system_logs_service ON system_logs (service, timestamp);
CREATE VIEW system_log_lines AS
    SELECT timestamp AS created_at, service AS worker, message, level AS severity, request_id
    FROM system_logs;
