-- What the wallet has signed (wallet.md §11).
CREATE TABLE wallet_transactions (
    id            TEXT PRIMARY KEY,
    chain         TEXT NOT NULL,
    tx_hash       TEXT,
    type          TEXT NOT NULL,
    status        TEXT NOT NULL DEFAULT 'pending',
    from_address  TEXT NOT NULL,
    to_address    TEXT,
    value         TEXT,
    token_address TEXT,
    gas_used      TEXT,
    gas_price     TEXT,
    block_number  INTEGER,
    error         TEXT,
    created_at    INTEGER NOT NULL,
    confirmed_at  INTEGER
);
CREATE INDEX wallet_transactions_created ON wallet_transactions (created_at);
