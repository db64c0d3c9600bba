// The acceptance checklist of the gateway (gateway.md), on workerd.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { PASSKEY, post, signal, stand_in, start, startVenue, until } from "./world.mjs";

/**
 * The status of a post on a connection of its own: workerd hangs up on a body that it will not read,
 * and whoever asks next on the same connection would be cut off.
 */
const statusAlone = (url, body) =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.on("error", reject).end(body);
  });

let venue;
before(async () => (venue = await startVenue()));
after(() => venue?.stop());

/** Orders that the exchange holds, of all accounts. */
const orders = async () =>
  (await venue.state()).accounts.reduce((sum, account) => sum + account.orders.length, 0);

/** A trade engine that answers as told, and remembers what it was asked. */
const engine = (status, body) => ({
  ...stand_in(
    "engine",
    `async fetch(request) {
       const asked = new URL(request.url).pathname === "/asked";
       globalThis.asked ??= [];
       globalThis.queued ??= [];
       if (asked) return Response.json({ asked: globalThis.asked, queued: globalThis.queued });
       globalThis.asked.push(await request.text());
       return new Response(${JSON.stringify(body)}, { status: ${status} });
     },
     async queue(batch) {
       (globalThis.queued ??= []).push(...batch.messages.map((message) => message.body));
     }`,
  ),
  queueConsumers: { kept: { maxBatchSize: 10, maxBatchTimeout: 0.05 } },
});

describe("with everything there", () => {
  let world;
  before(async () => (world = await start(venue)));
  after(() => world?.stop());

  test("a signal becomes an acknowledged fill on each exchange", async () => {
    for (const exchange of ["binance", "bybit", "mexc"]) {
      const { status, body, headers } = await world.send({ exchange });
      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.result.status, "Filled");
      assert.equal(body.result.executedQty, 0.01);
      assert.ok(body.result.price > 0);
      assert.equal(headers.get("x-request-id"), body.requestId);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
    }
  });

  test("identical requests in parallel: one reaches the trade engine, the others get 409", async () => {
    const held = await orders();
    const same = JSON.stringify(signal());
    const answers = await Promise.all(Array.from({ length: 16 }, () => world.send(same)));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, ...Array(15).fill(409)]);
    const duplicate = answers.find(({ status }) => status === 409);
    assert.equal(duplicate.body.error.code, "DUPLICATE_REQUEST");
    assert.equal((await orders()) - held, 1);
  });

  test("orders of many keys at once, each kept by another object, all fill", async () => {
    for (const exchange of ["binance", "bybit", "mexc"]) {
      const sent = Array.from({ length: 8 }, () => world.send({ exchange, symbol: "XRPUSDT", quantity: 50 }));
      for (const { status, body } of await Promise.all(sent)) {
        assert.deepEqual([status, body.result?.status], [200, "Filled"], JSON.stringify(body));
      }
    }
  });

  test("BTC-USDT, btc/usdt and BTC_USDT collide in idempotency", async () => {
    const time = { idempotencyKey: undefined, timestamp: `t-${process.pid}`, symbol: "ETH-USDT" };
    const spelled = (symbol) => world.send({ ...time, quantity: 0.1, symbol });
    assert.equal((await spelled("ETH-USDT")).status, 200);
    assert.equal((await spelled("eth/usdt")).status, 409);
    assert.equal((await spelled("ETH_USDT")).status, 409);
  });

  test("what is wrong is told field by field, and by method and path", async () => {
    const { status, body } = await world.send({ quantity: "1", leverage: 0.5, exchange: "kraken" });
    assert.equal(status, 400);
    assert.equal(body.error.code, "VALIDATION_ERROR");
    const fields = body.error.details.map(({ field }) => field).sort();
    assert.deepEqual(fields, ["exchange", "leverage", "quantity"]);
    assert.equal((await post(world.url, "[]")).status, 400);
    assert.equal(await statusAlone(`${world.url}/webhook`, "x".repeat(70_000)), 413);
    const options = await fetch(`${world.url}/webhook`, { method: "OPTIONS" });
    assert.equal(options.status, 405);
    assert.equal(options.headers.get("access-control-allow-origin"), null);
    assert.equal((await fetch(`${world.url}/nowhere`)).status, 404);
  });

  test("a wrong passkey opens nothing, and no answer, log or row ever holds one", async () => {
    assert.equal((await world.send({ apiKey: "wrong" })).status, 401);
    assert.equal((await world.send({ apiKey: undefined })).status, 401);
    const { text } = await world.send({ apiKey: PASSKEY, symbol: "..", note: PASSKEY });
    assert.ok(!text.includes(PASSKEY));
    assert.ok(!world.output().includes(PASSKEY));
    const rows = await world.rows("SELECT raw_data FROM trade_signals");
    assert.ok(!JSON.stringify(rows).includes(PASSKEY));
  });

  test("the health page tells of every binding", async () => {
    const response = await fetch(`${world.url}/health`);
    const body = await response.json();
    assert.deepEqual(body.bindings, { d1: "connected", kv: "connected", queue: "active" });
    assert.equal(response.status, 200);
  });

  test("the ledger has the order, its position and its whole record", async () => {
    const { body } = await world.send({ exchange: "bybit", symbol: "SOLUSDT", quantity: 2 });
    const of = [body.requestId];
    const [trade] = await until(async () => {
      const rows = await world.rows("SELECT * FROM trades WHERE request_id = ?", ...of);
      return rows[0]?.fee && rows;
    });
    assert.equal(trade.status, "Filled");
    assert.equal(trade.quantity, "2");
    assert.equal(trade.order_id, body.result.orderId);
    const [position] = await world.rows("SELECT * FROM positions WHERE symbol = 'SOLUSDT'");
    assert.equal(position.size, "2");
    const bucket = await world.miniflare.getR2Bucket("SYSTEM_LOGS_BUCKET", "trade-worker");
    const { objects } = await bucket.list({ prefix: "logs/bybit/SOLUSDT/" });
    assert.ok(objects.some(({ key }) => key.endsWith(`order-${body.result.orderId}.json`)));
  });
});

describe("one thing missing", () => {
  const within = (name, options, check) =>
    test(name, async () => {
      const world = await start(venue, options);
      try {
        await check(world);
      } finally {
        await world.stop();
      }
    });

  within("the 11th valid signal inside a minute: 429; floods of strangers do not consume the budget", {}, async (world) => {
    await world.set("webhook:rate_limit_per_minute", "10");
    await new Promise((done) => setTimeout(done, 1_100));
    for (let n = 0; n < 15; n += 1) {
      assert.equal((await world.send({ apiKey: "wrong" })).status, 401);
    }
    for (let n = 0; n < 10; n += 1) assert.equal((await world.send()).status, 200);
    const last = await world.send();
    assert.equal(last.status, 429);
    assert.ok(Number(last.headers.get("retry-after")) >= 1);
  });

  within("the kill switch halts", {}, async (world) => {
    await world.set("trade:kill_switch", "true");
    await new Promise((done) => setTimeout(done, 1_100));
    const { status, body } = await world.send();
    assert.deepEqual([status, body.error.code], [503, "KILL_SWITCH_ACTIVE"]);
  });

  within(
    "KV outage: 503, never an order",
    { change: ({ gateway }) => delete gateway.kvNamespaces.CONFIG_KV },
    async (world) => assert.equal((await world.send()).status, 503),
  );

  within(
    "DO outage: 503, never an order",
    { change: ({ gateway }) => delete gateway.durableObjects.IDEMPOTENCY_STORE },
    async (world) => {
      const { status, body } = await world.send();
      assert.deepEqual([status, body.error.code], [503, "IDEMPOTENCY_UNAVAILABLE"]);
    },
  );

  within(
    "queue_failover with trade-worker answering 500: 202, and exactly one message with the signal's key",
    {
      change: ({ gateway, trade }) => {
        gateway.serviceBindings.TRADE_SERVICE = "engine";
        gateway.queueProducers.TRADE_QUEUE.queueName = "kept";
        trade.queueConsumers = {};
      },
      extra: [engine(500, "Error: at secret.js:1 postgres://user:pw@10.0.0.1")],
    },
    async (world) => {
      const sent = signal();
      const { status, body, text } = await post(world.url, JSON.stringify(sent));
      assert.deepEqual([status, body.status], [202, "Enqueued"]);
      assert.ok(!text.includes("secret.js"));
      assert.equal((await post(world.url, JSON.stringify(sent))).status, 409);
      const fetcher = await world.miniflare.getWorker("engine");
      const remembered = async () => (await fetcher.fetch("http://engine/asked")).json();
      await until(async () => (await remembered()).queued.length > 0);
      // Were there another message, it would come with the first.
      await new Promise((done) => setTimeout(done, 500));
      const { asked, queued } = await remembered();
      assert.deepEqual([asked.length, queued.length], [1, 1]);
      for (const message of [...asked, ...queued]) {
        assert.equal(JSON.parse(message).idempotencyKey, `idemp:${sent.idempotencyKey}:live`);
        assert.ok(!message.includes(PASSKEY) && !message.includes("apiKey"));
      }
    },
  );

  within(
    "a trade engine that crashes is told as such where the queue is not wanted",
    {
      change: ({ gateway }) => (gateway.serviceBindings.TRADE_SERVICE = "engine"),
      extra: [engine(500, "Error: at secret.js:1")],
    },
    async (world) => {
      await world.set("webhooks:queue_mode", "direct_only");
      await new Promise((done) => setTimeout(done, 1_100));
      const { status, body, text } = await world.send();
      assert.deepEqual([status, body.error.code], [502, "BAD_GATEWAY"]);
      assert.ok(!text.includes("secret.js"));
    },
  );
});
