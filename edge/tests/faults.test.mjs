// What fails beneath the workers, one binding at a time: no order twice, none lost, and nobody outside
// learns more than that it failed.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { INTERNAL_KEY, PASSKEY, signal, stand_in, start, startVenue, until } from "./world.mjs";

let venue;
before(async () => (venue = await startVenue()));
after(() => venue?.stop());

const orders = async () =>
  (await venue.state()).accounts.reduce((sum, account) => sum + account.orders.length, 0);

/** What no answer may hold: secrets, addresses, and how the inside looks. */
function tellsNothing(text) {
  const secrets = [PASSKEY, INTERNAL_KEY, venue.binance.api_key, venue.binance.api_secret];
  for (const secret of secrets) assert.ok(!text.includes(secret), text);
  assert.doesNotMatch(text, /127\.0\.0\.1|\bat \w+ \(|panicked|\.rs:\d|SQLITE|D1_ERROR|no such table/);
}

const within = (name, options, check) =>
  test(name, async () => {
    const world = await start(venue, options);
    try {
      await check(world);
    } finally {
      await world.stop();
    }
  });

describe("a binding that fails", () => {
  within("D1 without its tables: the order is answered, and written down once they are there", {}, async (world) => {
    await world.rows("ALTER TABLE trades RENAME TO elsewhere");
    const held = await orders();
    const { status, body, text } = await world.send();
    assert.equal(status, 200, text);
    assert.equal((await orders()) - held, 1);
    await until(() => world.output().includes("not everything could be written down"));
    tellsNothing(text);
    await world.rows("ALTER TABLE elsewhere RENAME TO trades");
    const rows = await until(async () => {
      const rows = await world.rows("SELECT status FROM trades WHERE request_id = ?", body.requestId);
      return rows[0]?.status === "Filled" && rows;
    }, 30_000);
    assert.equal(rows.length, 1);
    const signals = await world.internal("/api/signals?limit=5");
    assert.equal(signals.body.result.length, 1);
  });

  within(
    "no D1 at all: orders go on, lists and the health page tell",
    { change: ({ trade }) => delete trade.d1Databases },
    async (world) => {
      const { status, text } = await world.send();
      assert.equal(status, 200, text);
      const signals = await world.internal("/api/signals");
      assert.deepEqual([signals.status, signals.body.error.code], [500, "INTERNAL_ERROR"]);
      tellsNothing(signals.text);
      const health = await fetch(`${world.url}/health`);
      const body = await health.json();
      assert.deepEqual([health.status, body.bindings.d1], [503, "unavailable"]);
    },
  );

  within(
    "no R2: the ledger has the order all the same",
    { change: ({ trade }) => delete trade.r2Buckets },
    async (world) => {
      const { status, body, text } = await world.send();
      assert.equal(status, 200, text);
      await until(async () => {
        const rows = await world.rows("SELECT status FROM trades WHERE request_id = ?", body.requestId);
        return rows[0]?.status === "Filled";
      });
    },
  );

  within(
    "no queue: what cannot be sent now is refused and its key free again",
    {
      change: ({ gateway, trade }) => {
        gateway.queueProducers = {};
        trade.queueProducers = {};
        trade.queueConsumers = {};
      },
    },
    async (world) => {
      await world.set("webhooks:queue_mode", "queue_everywhere");
      await new Promise((done) => setTimeout(done, 1_100));
      const sent = JSON.stringify(signal());
      const refused = await world.send(sent);
      assert.deepEqual([refused.status, refused.body.success], [503, false], refused.text);
      tellsNothing(refused.text);
      await world.set("webhooks:queue_mode", "direct_only");
      const x = []; await until(async () => { const a = await world.send(sent); x.push(a.text); console.error(a.text); return a.status === 200; });
      const health = await fetch(`${world.url}/health`);
      assert.equal(health.status, 503);
    },
  );

  within(
    "no rate limiter: nothing trades",
    { change: ({ gateway }) => delete gateway.durableObjects.RATE_LIMITER },
    async (world) => {
      await world.set("webhook:rate_limit_per_minute", "10");
      await new Promise((done) => setTimeout(done, 1_100));
      const held = await orders();
      const { status, text } = await world.send();
      assert.equal(status, 503, text);
      assert.equal(await orders(), held);
    },
  );

  within(
    "no trade engine: a bad gateway where the queue is not wanted",
    { change: ({ gateway }) => delete gateway.serviceBindings.TRADE_SERVICE },
    async (world) => {
      await world.set("webhooks:queue_mode", "direct_only");
      await new Promise((done) => setTimeout(done, 1_100));
      const sent = JSON.stringify(signal());
      for (let n = 0; n < 2; n += 1) {
        const { status, body, text } = await world.send(sent);
        assert.deepEqual([status, body.error.code], [502, "BAD_GATEWAY"], text);
        tellsNothing(text);
      }
    },
  );

  within(
    "no configuration for the trade engine: entries are refused, and a close is not",
    { change: ({ trade }) => delete trade.kvNamespaces },
    async (world) => {
      const { apiKey: _, ...order } = signal();
      const { status, body, text } = await world.internal("/order", order);
      assert.deepEqual([status, body.error.code], [503, "KILL_SWITCH_ACTIVE"], text);
      const close = await world.internal("/order", { ...order, action: "CLOSE", quantity: undefined, idempotencyKey: "close-1" });
      assert.notEqual(close.body.error?.code, "KILL_SWITCH_ACTIVE", close.text);
    },
  );
});

describe("an exchange that fails", () => {
  let world;
  before(async () => {
    world = await start(venue);
    await world.set("webhooks:queue_mode", "direct_only");
    await world.send();
    await new Promise((done) => setTimeout(done, 1_100));
  });
  after(() => world?.stop());

  test("a floor under quantities: what is below goes nowhere", async () => {
    const held = await orders();
    const { status, body, text } = await world.send({ quantity: 0.0000001 });
    assert.deepEqual([status, body.error.code], [400, "VALIDATION_ERROR"], text);
    assert.equal(await orders(), held);
  });

  for (const [kind, statuses] of [
    ["html", [200, 502, 504]],
    ["http_503_unavailable", [502]],
    ["http_429", [429]],
    // The last: it shuts the address out for minutes.
    ["http_403", [429]],
  ]) {
    test(`${kind}: one answer of ours, and nothing of the exchange's`, async () => {
      const held = await orders();
      await venue.fault({ kind, matches: "POST /fapi/v1/order", ms: 50 });
      const { status, body, text } = await world.send();
      await venue.clear();
      assert.ok(statuses.includes(status), `${status} ${text}`);
      assert.equal(body.success, status === 200);
      assert.ok(body.requestId);
      assert.doesNotMatch(text, /<html|<!DOCTYPE/i);
      tellsNothing(text);
      // Found out not to exist, it may have been sent again in time.
      assert.equal((await orders()) - held, status === 200 ? 1 : 0);
    });
  }
});

describe("the checklists, row by row", () => {
  let world;
  before(async () => (world = await start(venue)));
  after(() => world?.stop());

  test("SHORT then CLOSE on MEXC sends side 3 then 2; LONG then CLOSE sends 1 then 4", async () => {
    for (const [action, sides] of [["SHORT", ["SELL", "BUY"]], ["LONG", ["BUY", "SELL"]]]) {
      const fields = { exchange: "mexc", symbol: "SOLUSDT" };
      const opened = await world.send({ ...fields, action, quantity: 3 });
      assert.equal(opened.status, 200, opened.text);
      const closed = await world.send({ ...fields, action: "CLOSE", quantity: 3 });
      assert.equal(closed.status, 200, closed.text);
      assert.equal(closed.body.result.executedQty, 3);
      const rows = await until(async () => {
        const sql = "SELECT side FROM trades WHERE symbol = 'SOLUSDT' ORDER BY created_at DESC LIMIT 2";
        const rows = await world.rows(sql);
        return rows.length === 2 && rows;
      });
      assert.deepEqual(rows.map((row) => row.side).toSorted(), sides.toSorted());
    }
  });

  test("an exchange that times out after it has accepted, and the queue: one position, one row", async () => {
    const held = await orders();
    await venue.fault({ kind: "http_504_timeout", matches: "POST /fapi/v1/order", executed: true });
    const sent = signal({ symbol: "ETHUSDT", quantity: 0.2 });
    const { status, body, text } = await world.send(JSON.stringify(sent));
    assert.ok([200, 202].includes(status), text);
    const rows = await until(async () => {
      const rows = await world.rows("SELECT * FROM trades WHERE request_id = ?", body.requestId);
      return rows.some((row) => row.status === "Filled") && rows;
    }, 60_000);
    assert.equal(rows.length, 1);
    assert.equal((await orders()) - held, 1);
    const [position] = await world.rows("SELECT size FROM positions WHERE symbol = 'ETHUSDT'");
    assert.equal(position.size, "0.2");
  });

  test("CLOSE with an empty ledger reads the exchange and flattens exactly", async () => {
    assert.equal((await world.send({ exchange: "bybit", symbol: "XRPUSDT", quantity: 70 })).status, 200);
    await until(async () => (await world.rows("SELECT 1 FROM positions WHERE symbol = 'XRPUSDT'")).length > 0);
    await world.rows("DELETE FROM positions WHERE symbol = 'XRPUSDT'");
    const close = await world.send({ exchange: "bybit", symbol: "XRPUSDT", action: "CLOSE", quantity: 1 });
    assert.equal(close.status, 200, close.text);
    assert.equal(close.body.result.executedQty, 70);
  });
});

describe("what others are told", () => {
  /** Telegram and the analytics in one: remembers what it is told. */
  const others = stand_in(
    "others",
    `async fetch(request) {
       const path = new URL(request.url).pathname;
       globalThis.told ??= [];
       if (path === "/told") return Response.json(globalThis.told);
       globalThis.told.push({ path, key: request.headers.get("x-internal-auth-key"), body: await request.json() });
       return Response.json({ success: true });
     }`,
  );
  within(
    "each order that has ended is told once to people and to the analytics",
    {
      extra: [others],
      change: ({ trade }) => {
        trade.serviceBindings = { TELEGRAM_SERVICE: "others", ANALYTICS_SERVICE: "others" };
        trade.bindings.TELEGRAM_CHAT_ID_DEFAULT = "42";
      },
    },
    async (world) => {
      const filled = await world.send();
      assert.equal(filled.status, 200, filled.text);
      const fetcher = await world.miniflare.getWorker("others");
      const told = () => fetcher.fetch("http://others/told").then((it) => it.json());
      await until(async () => (await told()).length >= 2);
      await until(async () => (await world.rows("SELECT fee FROM trades"))[0]?.fee);
      await new Promise((done) => setTimeout(done, 2_500));
      const all = await told();
      assert.deepEqual(all.map(({ path }) => path).toSorted(), ["/alert", "/track/trade"]);
      assert.ok(all.every(({ key }) => key === INTERNAL_KEY));
      const [alert] = all.filter(({ path }) => path === "/alert");
      assert.equal(alert.body.chatId, "42");
      const { orderId } = filled.body.result;
      for (const part of ["Filled", "LONG", "0.01", "BTCUSDT", "binance", orderId]) {
        assert.ok(alert.body.message.includes(part), alert.body.message);
      }
      const [point] = all.filter(({ path }) => path === "/track/trade");
      assert.deepEqual(point.body.result, { success: true, error: null });
      assert.deepEqual([point.body.payload.symbol, point.body.payload.quantity], ["BTCUSDT", 0.01]);

      // Many, while others are being told of: none is passed over.
      const ids = [];
      for (let round = 0; round < 25; round += 1) {
        const answers = await Promise.all(Array.from({ length: 4 }, () => world.send()));
        ids.push(...answers.map(({ body }) => body.result.orderId));
      }
      const alerts = async () => (await told()).filter(({ path }) => path === "/alert").map(({ body }) => body.message);
      await until(async () => (await alerts()).length >= 1 + ids.length);
      const messages = await alerts();
      for (const id of ids) assert.equal(messages.filter((it) => it.includes(id)).length, 1, id);

      // A signal that the queue is done with, for the exchange has said no.
      const much = { symbol: "ETHUSDT", quantity: 2_000 };
      while ((await world.send(much)).status === 200);
      const refusals = async () => (await alerts()).filter((it) => it.startsWith("Rejected")).length;
      await until(async () => (await refusals()) > 0);
      await world.set("webhooks:queue_mode", "queue_everywhere");
      await new Promise((done) => setTimeout(done, 1_100));
      const before = await refusals();
      const queued = await world.send(much);
      assert.equal(queued.status, 202, queued.text);
      await until(async () => (await refusals()) > before);
      await new Promise((done) => setTimeout(done, 2_500));
      assert.equal(await refusals(), before + 1);
    },
  );

  within("what is older than it is kept goes at night, and an open order never", {}, async (world) => {
    const { status, body, text } = await world.send();
    assert.equal(status, 200, text);
    await until(async () => (await world.rows("SELECT 1 FROM trades")).length === 1);
    const day = 24 * 60 * 60 * 1_000;
    const old = Date.now() - 91 * day;
    const trade = (id, status, at) =>
      world.rows(
        `INSERT INTO trades (id, request_id, exchange, symbol, action, side, quantity, status, idempotency_key,
           test, created_at, updated_at) VALUES (?1, ?1, 'bybit', 'BTCUSDT', 'LONG', 'BUY', '1', ?2, ?1, 0, ?3, ?3)`,
        id, status, at,
      );
    await trade("old", "Filled", old);
    await trade("open", "TRADE_PENDING", old);
    for (const [id, at] of [["old", Date.now() - 31 * day], ["young", Date.now() - 29 * day]]) {
      const sql = "INSERT INTO system_logs (id, timestamp, level, service, message) VALUES (?, ?, 'INFO', 'x', 'x')";
      await world.rows(sql, id, Math.floor(at / 1_000));
    }
    const fetcher = await world.miniflare.getWorker("trade-worker");
    await fetcher.scheduled({ cron: "17 3 * * *" });
    const trades = await until(async () => {
      const rows = await world.rows("SELECT id FROM trades ORDER BY id");
      return rows.length === 2 && rows;
    });
    assert.deepEqual(trades.map(({ id }) => id).toSorted(), ["open", `${body.requestId}-0`].toSorted());
    const logs = await world.rows("SELECT id FROM system_logs WHERE message = 'x'");
    assert.deepEqual(logs, [{ id: "young" }]);
  });
});

describe("a signal that goes on to another exchange", () => {
  let world;
  before(async () => {
    world = await start(venue);
    await world.set("webhooks:queue_mode", "direct_only");
    await world.set("routing:failover:enabled", "true");
    // Instruments and clocks of both are read by then.
    for (const fields of [{}, { exchange: "bybit" }]) assert.equal((await world.send(fields)).status, 200);
  });
  after(() => world?.stop());

  test("keeps its key on the way: sent again meanwhile, it is one order", async () => {
    const before = await venue.placed();
    await venue.fault({ kind: "http_503_unavailable", matches: "POST /fapi/v1/order" });
    await venue.fault({ kind: "delay", ms: 1_500, matches: "/v5/", count: 1 });
    const sent = signal();
    let answered;
    const first = world.send(sent).then((answer) => (answered = answer));
    // The lock is taken by the first to come.
    await new Promise((done) => setTimeout(done, 20));
    const again = [];
    while (!answered) {
      again.push((await world.send(sent)).status);
      await new Promise((done) => setTimeout(done, 50));
    }
    assert.equal((await first).status, 200, answered.text);
    assert.ok(again.length > 5, "it took its time");
    assert.deepEqual([...new Set(again)], [409]);
    assert.equal((await venue.placed()).length, before.length + 1);
    await venue.clear();
  });

  test("that finds none is free again at once", async () => {
    await world.set("routing:failover:order", "binance");
    await new Promise((done) => setTimeout(done, 1_100));
    await venue.fault({ kind: "http_503_unavailable", matches: "POST /fapi/v1/order" });
    const sent = signal();
    const refused = await world.send(sent);
    assert.equal(refused.status, 502, refused.text);
    const { status, text } = await world.send(sent);
    assert.equal(status, 200, text);
  });
});
