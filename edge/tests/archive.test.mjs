// What went over the wire for each order, in R2 (trade.md §10, data.md §4): secrets taken out, off the
// order's way, and no order the worse for a bucket that fails.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hand, sabotage, sabotaged } from "./sabotage.mjs";
import { INTERNAL_KEY, PASSKEY, start, startVenue, until } from "./world.mjs";

let venue;
let world;
before(async () => {
  venue = await startVenue();
  world = await start(venue, {
    extra: [hand("trade-worker")],
    change: ({ trade }) => sabotaged(trade, { objects: true }),
  });
  // The saboteur looks at the bindings.
  await sabotage(world, {});
});
after(async () => {
  await world?.stop();
  await venue?.stop();
});

const bucket = () => world.miniflare.getR2Bucket("SYSTEM_LOGS_BUCKET", "trade-worker");

/** The object whose key ends so, as text, once it is there. */
const object = (end) =>
  until(async () => {
    const kept = await bucket();
    const { objects } = await kept.list({ prefix: "logs/" });
    const found = objects.find(({ key }) => key.endsWith(end));
    return found && { key: found.key, text: await (await kept.get(found.key)).text() };
  });

const day = () => new Date().toISOString().slice(0, 10);

function hasNoSecret(text) {
  const accounts = [venue.binance, venue.bybit, venue.mexc];
  for (const secret of [PASSKEY, INTERNAL_KEY, ...accounts.flatMap((it) => [it.api_key, it.api_secret])]) {
    assert.ok(!text.includes(secret), "a key is in it");
  }
  assert.doesNotMatch(text, /signature(=|\\?": ?\\?")(?!\[redacted\])/i);
}

for (const [exchange, path] of [
  ["binance", "/fapi/v1/order"],
  ["bybit", "/v5/order/create"],
  ["mexc", "/api/v1/private/order/create"],
]) {
  test(`${exchange}: request, answer, headers and timings of an order, by its id, without secrets`, async () => {
    const { status, body, text } = await world.send({ exchange });
    assert.equal(status, 200, text);
    const { orderId } = body.result;
    const kept = await object(`order-${orderId}.json`);
    assert.equal(kept.key, `logs/${exchange}/BTCUSDT/${day()}/order-${orderId}.json`);
    hasNoSecret(kept.text);
    const told = JSON.parse(kept.text);
    assert.deepEqual([told.requestId, told.exchange, told.orderId], [body.requestId, exchange, orderId]);
      assert.equal(told.record.intent.client_order_id, told.clientOrderId);
    const sent = told.exchanges.find(({ request }) => request.path === path);
    assert.ok(sent, kept.text);
    assert.equal(sent.request.method, "POST");
    assert.ok(`${sent.request.query}${sent.request.body}`.includes(told.clientOrderId));
    assert.equal(sent.response.status, 200);
    assert.ok(sent.response.body.includes(orderId));
    assert.ok(sent.response.headers["content-type"]);
    assert.ok(Number.isInteger(sent.tookMicros) && Date.parse(sent.at) > 0);
    assert.equal(Object.values(sent.request.headers).includes("[redacted]"), true);
  });
}

test("an order over a socket: its frames", async () => {
  await world.set("exchange:binance:use_websocket", "true");
  const told = await until(async () => {
    const { status, body } = await world.send();
    if (status !== 200) return undefined;
    const kept = await object(`order-${body.result.orderId}.json`);
    hasNoSecret(kept.text);
    const { exchanges } = JSON.parse(kept.text);
    return exchanges.find(({ request }) => request.method === "WEBSOCKET");
  }, 30_000);
  await world.set("exchange:binance:use_websocket", "false");
  assert.ok(told.request.body.includes("order.place") && told.response.body.includes("orderId"));
});

test("what was asked for a signal that came to no order is kept under the request's id", async () => {
  const fields = { exchange: "binance", symbol: "XRPUSDT", action: "CLOSE", quantity: 1 };
  const { status, body, text } = await world.send(fields);
  assert.deepEqual([status, body.error?.code], [400, "NO_OPEN_POSITION"], text);
  const kept = await object(`req-${body.requestId}.json`);
  hasNoSecret(kept.text);
  assert.equal(kept.key, `logs/binance/XRPUSDT/${day()}/req-${body.requestId}.json`);
  const { exchanges } = JSON.parse(kept.text);
  assert.ok(exchanges.some(({ request }) => request.path.includes("positionRisk")), kept.text);
});

test("a bucket that fails: the order is answered and in the ledger, and the object follows", async () => {
  await sabotage(world, { breaks: [{ on: "SYSTEM_LOGS_BUCKET.put", times: 2 }] });
  const { status, body, text } = await world.send();
  assert.equal(status, 200, text);
  await until(async () => {
    const [row] = await world.rows("SELECT status FROM trades WHERE request_id = ?", body.requestId);
    return row?.status === "Filled";
  });
  await until(() => world.output().includes("not everything could be written down"));
  const kept = await object(`order-${body.result.orderId}.json`);
  assert.equal((await sabotage(world, { breaks: [] })).hits, 2);
  const told = JSON.parse(kept.text);
  assert.equal(told.record.request_id, body.requestId);
  assert.ok(told.exchanges.some(({ request }) => request.path === "/fapi/v1/order"));
  const rows = await world.rows("SELECT id FROM trades WHERE request_id = ?", body.requestId);
  assert.equal(rows.length, 1);
});

test("what is written later is added to what is there", async () => {
  const { status, body, text } = await world.send({ exchange: "bybit" });
  assert.equal(status, 200, text);
  const end = `order-${body.result.orderId}.json`;
  const before = JSON.parse((await object(end)).text);
  // The same record once more: as after a crash before the object has noted that it is stored.
  const sql = "UPDATE records SET due = due | 4 WHERE request_id = ? RETURNING json";
  const shards = Array.from({ length: 16 }, (_, n) => `idemp-shard-${n}`);
  const kept = await Promise.all(shards.map((object) => sabotage(world, { object, sql, values: [body.requestId] })));
  const at = kept.findIndex(({ rows }) => rows.length > 0);
  const count = "SELECT count(*) AS left FROM records WHERE due > 0";
  await until(async () => (await sabotage(world, { object: shards[at], ring: true, sql: count })).rows[0].left === 0);
  const after = JSON.parse((await object(end)).text);
  assert.deepEqual(after, before);
});
