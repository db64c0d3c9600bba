// The acceptance checklist of the trade engine (trade.md), on workerd.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { INTERNAL_KEY, signal, start, startVenue, until } from "./world.mjs";

let venue;
let world;
before(async () => {
  venue = await startVenue();
  world = await start(venue);
});
after(async () => {
  await world?.stop();
  await venue?.stop();
});

const order = (fields) => {
  const { apiKey: _, ...bare } = signal(fields);
  return bare;
};

test("without the internal key nobody is let in", async () => {
  for (const key of ["", "wrong", `${INTERNAL_KEY}x`]) {
    const headers = { "x-internal-auth-key": key };
    const { status } = await world.internal("/webhook", order(), headers);
    assert.equal(status, 401, JSON.stringify(key));
  }
  assert.equal((await world.internal("/health")).status, 200);
});

test("bare, enveloped and repeated orders", async () => {
  const sent = order();
  const first = await world.internal("/order", sent);
  assert.equal(first.status, 200, first.text);
  assert.equal((await world.internal("/order", sent)).status, 409);
  const requestId = crypto.randomUUID();
  const enveloped = await world.internal("/process", { requestId, payload: order() });
  assert.deepEqual([enveloped.status, enveloped.body.requestId], [200, requestId]);
});

test("quantities go down to the step, and no float reaches an exchange", async () => {
  const text = JSON.stringify(order({ quantity: 0 })).replace('"quantity":0', '"quantity":0.0109999');
  const { status, body } = await world.internal("/order", text);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.result.executedQty, 0.01);
});

test("0.0019999 with step 0.001 is 0.001", async () => {
  const fields = { exchange: "bybit", symbol: "BTCUSDT", quantity: 0 };
  const text = JSON.stringify(order(fields)).replace('"quantity":0', '"quantity":0.0019999');
  const { status, body } = await world.internal("/order", text);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.result.executedQty, 0.001);
});

test("under the kill switch: LONG refused, the agent's CLOSE executed, and exactly what is held is closed", async () => {
  const opened = await world.internal("/order", order({ exchange: "mexc", symbol: "ETHUSDT", action: "SHORT", quantity: 0.5 }));
  assert.equal(opened.status, 200, opened.text);
  await world.set("trade:kill_switch", "true");
  await new Promise((done) => setTimeout(done, 1_100));
  assert.equal((await world.internal("/order", order())).status, 503);
  const close = { exchange: "mexc", symbol: "ETHUSDT", action: "CLOSE", quantity: undefined };
  const closed = await world.internal("/order", order(close));
  assert.equal(closed.status, 200, closed.text);
  assert.equal(closed.body.result.executedQty, 0.5);
  const again = await world.internal("/order", order(close));
  assert.deepEqual([again.status, again.body.error.code], [400, "NO_OPEN_POSITION"]);
  await world.set("trade:kill_switch", "false");
  await new Promise((done) => setTimeout(done, 1_100));
});

test("a reply that is lost makes no second order", async () => {
  await venue.fault({ kind: "reply_lost", matches: "POST /fapi/v1/order" });
  const { status, body } = await world.send();
  assert.equal(status, 200, JSON.stringify(body));
  const rows = await until(async () => {
    const rows = await world.rows("SELECT * FROM trades WHERE request_id = ?", body.requestId);
    return rows.length > 0 && rows;
  });
  assert.equal(rows.length, 1);
});

test("what fails before it is sent goes through the queue, by the schedule", async () => {
  await venue.fault({ kind: "http_503_unavailable", count: 6, matches: "/v5/" });
  const { status, body } = await world.send({ exchange: "bybit" });
  assert.equal(status, 202, JSON.stringify(body));
  const sql = "SELECT status FROM trades WHERE request_id = ? AND status = 'Filled'";
  const rows = await until(async () => {
    const rows = await world.rows(sql, body.requestId);
    return rows.length > 0 && rows;
  });
  assert.equal(rows.length, 1);
});

test("what is no signal is a dead letter at once", async () => {
  const queue = await world.miniflare.getQueueProducer("TRADE_QUEUE", "hoox");
  await queue.send('{"exchange":"nowhere"}', { contentType: "text" });
  const letters = await until(async () => {
    const rows = await world.rows("SELECT * FROM dead_letters");
    return rows.length > 0 && rows;
  });
  assert.equal(letters[0].body, '{"exchange":"nowhere"}');
});

test("the signals that came can be listed", async () => {
  const { status, body } = await world.internal("/api/signals?limit=3");
  assert.deepEqual([status, body.success, body.result.length], [200, true, 3]);
  assert.equal((await world.internal("/api/signals?limit=101")).status, 400);
});

test("a wallet that is absent is told, and a wrong payload before it", async () => {
  const payload = { chain: "ethereum", to: `0x${"1".repeat(40)}`, value: "1", data: "0x" };
  assert.equal((await world.internal("/dex", payload)).status, 502);
  assert.equal((await world.internal("/dex", { ...payload, value: "0.1" })).status, 400);
});
