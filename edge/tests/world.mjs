// The workers on workerd, as they are deployed, over a simulated exchange on loopback.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";

export const PASSKEY = "correct horse battery staple";
export const INTERNAL_KEY = "internal-key-of-the-tests";

const edge = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = process.env.CARGO_TARGET_DIR ?? join(edge, "..", "target");

// A test that failed may have left a runtime behind, for which its file would wait for ever.
if (process.env.NODE_TEST_CONTEXT) after(() => setTimeout(() => process.exit(), 10_000).unref());

/** The program, wherever it was built. */
export function program() {
  const built = [process.env.HOOX_BIN, join(target, "release", "hoox"), join(target, "debug", "hoox")];
  const found = built.find((path) => path && existsSync(path));
  if (!found) throw new Error("build the program first: cargo build --bin hoox");
  return found;
}

/** A simulated exchange, with further arguments of `hoox venue`. */
export async function startVenue(...args) {
  const child = spawn(program(), ["venue", "--json", "--listen", "127.0.0.1:0", ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const venue = JSON.parse(line);
  const control = async (path, body) => {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${venue.control}/${path}`, init);
    const text = await response.text();
    return text ? JSON.parse(text) : undefined;
  };
  return {
    ...venue,
    /** Makes something go wrong with the next request that matches. */
    fault: (fault) => control("fault", fault),
    /** Nothing goes wrong any more. */
    clear: () => fetch(`${venue.control}/fault`, { method: "DELETE" }).then((it) => it.text()),
    /** Does something to the exchange's WebSocket sessions. */
    sessions: (hit) => control("sessions", hit),
    /** What the exchange holds. */
    state: () => control("state?orders=100000"),
    /** Our ids of all orders that the exchanges hold. */
    async placed() {
      const states = ["binance", "bybit", "mexc"].map((name) => control(`state?orders=100000&venue=${name}`));
      const accounts = (await Promise.all(states)).flatMap((state) => state.accounts);
      return accounts.flatMap(({ orders }) => orders).map((order) => order.client_id);
    },
    async stop() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

export const worker = (name, build, options) => ({
  name,
  compatibilityDate: "2026-04-01",
  modules: [
    module("ESModule", join(edge, build, "build", "index.js")),
    module("CompiledWasm", join(edge, build, "build", "index_bg.wasm")),
  ],
  ...options,
});

const module = (type, path) => ({ type, path, contents: readFileSync(path) });

/** A worker of a few lines that stands in for one of ours. */
export const stand_in = (name, body) => ({
  name,
  compatibilityDate: "2026-04-01",
  modules: true,
  script: `export default { ${body} }`,
});

/**
 * Gateway and trade engine over `venue`.
 *
 * `change` may alter the options of each; `directory` is where state is kept, to start there again.
 */
export async function start(venue, { change, directory, extra = [], divisor = "1000", port = 0 } = {}) {
  const kept = directory ?? mkdtempSync(join(tmpdir(), "hoox-edge-"));
  const account = (name) => ({
    [`${name.toUpperCase()}_API_KEY`]: venue[name].api_key,
    [`${name.toUpperCase()}_API_SECRET`]: venue[name].api_secret,
    [`${name.toUpperCase()}_BASE_URL`]: venue[name].rest,
  });
  const objects = {
    className: "IdempotencyStore",
    useSQLite: true,
  };
  const gateway = worker("hoox", "gateway", {
    kvNamespaces: { CONFIG_KV: "config", SESSIONS_KV: "sessions" },
    durableObjects: {
      RATE_LIMITER: { className: "RateLimiterStore", useSQLite: true },
      IDEMPOTENCY_STORE: { ...objects, scriptName: "trade-worker" },
    },
    serviceBindings: { TRADE_SERVICE: "trade-worker" },
    queueProducers: { TRADE_QUEUE: { queueName: "trade-execution" } },
    bindings: { WEBHOOK_API_KEY: PASSKEY, INTERNAL_KEY_BINDING: INTERNAL_KEY },
  });
  const trade = worker("trade-worker", "trade", {
    kvNamespaces: { CONFIG_KV: "config" },
    durableObjects: {
      IDEMPOTENCY_STORE: objects,
      EXCHANGE_CONNECTION_MANAGER: { className: "ExchangeConnectionManager", useSQLite: true },
    },
    d1Databases: { DB: "trade-data-db" },
    r2Buckets: { SYSTEM_LOGS_BUCKET: "hoox-system-logs", REPORTS_BUCKET: "trade-reports" },
    queueProducers: {
      TRADE_QUEUE: { queueName: "trade-execution" },
      TRADE_DLQ: { queueName: "trade-execution-dlq" },
    },
    queueConsumers: {
      "trade-execution": {
        maxBatchSize: 10,
        maxBatchTimeout: 0.05,
        maxRetries: 10,
        deadLetterQueue: "trade-execution-dlq",
      },
      "trade-execution-dlq": { maxBatchSize: 10, maxBatchTimeout: 0.05, maxRetries: 10 },
    },
    bindings: {
      INTERNAL_KEY_BINDING: INTERNAL_KEY,
      QUEUE_DELAY_DIVISOR: divisor,
      BINANCE_ENTRY_URL: `${venue.binance.ws}/ws-fapi/v1`,
      BYBIT_ENTRY_URL: `${venue.bybit.ws}/v5/trade`,
      ...account("binance"),
      ...account("bybit"),
      ...account("mexc"),
    },
  });
  change?.({ gateway, trade });
  const output = [];
  const options = {
    host: "127.0.0.1",
    port,
    defaultPersistRoot: kept,
    durableObjectsPersist: join(kept, "do"),
    kvPersist: join(kept, "kv"),
    d1Persist: join(kept, "d1"),
    r2Persist: join(kept, "r2"),
    handleRuntimeStdio: (stdout, stderr) => {
      stdout.on("data", (data) => output.push(String(data)));
      stderr.on("data", (data) => output.push(String(data)));
    },
    workers: [gateway, trade, ...extra].filter(Boolean),
  };
  const { miniflare, url, database, config } = await opened(options, trade);
  return {
    url,
    miniflare,
    directory: kept,
    database,
    /** What the workers have written to their logs. */
    output: () => output.join(""),
    set: (key, value) => config.put(key, value),
    /** Sends a signal; answers with status, headers and body. */
    send: (signal = {}, headers = {}) => post(url, signal, headers),
    internal: async (path, body, headers = {}) => {
      const fetcher = await miniflare.getWorker("trade-worker");
      const response = await fetcher.fetch(`http://trade${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: { "x-internal-auth-key": INTERNAL_KEY, ...headers },
        body: typeof body === "object" ? JSON.stringify(body) : body,
      });
      return answer(response);
    },
    rows: async (sql, ...values) => {
      const { results } = await database.prepare(sql).bind(...values).all();
      return results;
    },
    async stop({ keep = false } = {}) {
      await miniflare.dispose();
      if (!keep) rmSync(kept, { recursive: true, force: true });
    },
  };
}

/** Brings the ledger's tables up to date, as `wrangler d1 migrations apply` does. */
async function migrate(database) {
  const there = await database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'trades'").first();
  if (there) return;
  const sql = readFileSync(join(edge, "trade", "migrations", "0001_ledger.sql"), "utf8");
  const statements = sql.replace(/--.*$/gm, "").split(";").map((it) => it.trim());
  await database.batch(statements.filter(Boolean).map((it) => database.prepare(it)));
}

let keys = 0;

/** A signal nobody has sent before. */
export const signal = (fields = {}) => ({
  apiKey: PASSKEY,
  exchange: "binance",
  action: "LONG",
  symbol: "BTCUSDT",
  quantity: 0.01,
  idempotencyKey: `key-${process.pid}-${(keys += 1)}`,
  ...fields,
});

/** Posts a signal, or a body as it is. */
export async function post(url, fields = {}, headers = {}) {
  const body = typeof fields === "string" ? fields : JSON.stringify(signal(fields));
  return answer(
    await fetch(`${url}/webhook`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    }),
  );
}

async function answer(response) {
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = text;
  }
  return { status: response.status, headers: response.headers, body, text };
}

/** A runtime, its ledger migrated, that limits nobody. */
async function opened(options, trade) {
  for (let attempt = 1; ; attempt += 1) {
    const miniflare = new Miniflare(options);
    try {
      const url = String(await miniflare.ready).replace(/\/$/, "");
      const database = trade.d1Databases ? await miniflare.getD1Database("DB", "trade-worker") : undefined;
      if (database) await migrate(database);
      const config = await miniflare.getKVNamespace("CONFIG_KV", "hoox").catch(() => undefined);
      await config?.put("webhook:rate_limit_per_minute", "0");
      return { miniflare, url, database, config };
    } catch (error) {
      await miniflare.dispose().catch(() => {});
      // On a busy machine miniflare's own messages between threads overtake each other.
      if (attempt === 3 || !error.stack?.includes("SynchronousFetcher")) throw error;
    }
  }
}

/** Waits until `holds` returns something. */
export async function until(holds, ms = 20_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`in vain for ${ms} ms: ${holds}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Ends the runtimes that this process has started as a power cut would. */
export function killRuntimes() {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      if (parent === process.pid && stat.includes("(workerd)")) process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}
