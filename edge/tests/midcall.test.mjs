// Bindings that fail in the middle of a call, before it or after it had its effect: nothing twice,
// nothing lost, and an answer that says what can be done.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { INSIDE, hand, sabotage, sabotaged } from "./sabotage.mjs";
import { signal, start, startVenue, until } from "./world.mjs";

let venue;
before(async () => (venue = await startVenue()));
after(() => venue?.stop());

/** The rows of an order, once there are some that have ended. */
const ended = (world, { idempotencyKey }) =>
  until(async () => {
    const sql = "SELECT * FROM trades WHERE idempotency_key = ? AND status = 'Filled'";
    const rows = await world.rows(sql, `idemp:${idempotencyKey}:live`);
    return rows.length > 0 && rows;
  }, 60_000);

/** Sends a signal while something is broken; its order, if there is one, is there once. */
async function through(world, breaks, fields = {}) {
  const sent = signal(fields);
  const before = await venue.placed();
  await sabotage(world, { breaks: breaks.map((it) => ({ ...it })) });
  const answer = await world.send(sent);
  const { hits } = await sabotage(world, {});
  assert.doesNotMatch(answer.text, INSIDE);
  assert.ok(answer.body.requestId, answer.text);
  const orders = async () => (await venue.placed()).filter((id) => !before.includes(id));
  return { ...answer, sent, hits, orders };
}

const calm = (world) => sabotage(world, { breaks: [] });

describe("the gateway", () => {
  let world;
  before(async () => {
    world = await start(venue, { extra: [hand("hoox")], change: ({ gateway }) => sabotaged(gateway) });
    await calm(world);
    await world.set("webhooks:queue_mode", "direct_only");
    assert.equal((await world.send()).status, 200);
    await new Promise((done) => setTimeout(done, 1_100));
  });
  after(() => world?.stop());

  test("KV outage: 503, never an order; and a second later the same signal goes through", async () => {
    await new Promise((done) => setTimeout(done, 1_100));
    const { status, body, text, sent, hits, orders } = await through(world, [{ on: "CONFIG_KV.get", times: 9 }]);
    assert.ok(hits > 0);
    assert.ok([401, 503].includes(status), text);
    assert.ok(["KILL_SWITCH_ACTIVE", "UNAUTHORIZED"].includes(body.error.code), text);
    assert.deepEqual(await orders(), []);
    await calm(world);
    await until(async () => [200, 409].includes((await world.send(sent)).status));
    assert.equal((await ended(world, sent)).length, 1);
    assert.equal((await orders()).length, 1);
  });

  for (const how of ["before", "late"]) {
    test(`DO outage while the key is reserved (${how}): 503, and the signal can be sent again`, async () => {
      const breaks = [{ on: "IDEMPOTENCY_STORE.fetch", with: "/reserve", how }];
      const { status, body, text, sent, hits, orders } = await through(world, breaks);
      assert.equal(hits, 1);
      assert.deepEqual([status, body.error.code], [503, "IDEMPOTENCY_UNAVAILABLE"], text);
      assert.deepEqual(await orders(), []);
      await calm(world);
      await until(async () => [200, 409].includes((await world.send(sent)).status));
      assert.equal((await ended(world, sent)).length, 1);
      assert.equal((await orders()).length, 1);
    });

    test(`the trade engine breaks off (${how}): what it has taken is there once`, async () => {
      const breaks = [{ on: "TRADE_SERVICE.fetch", with: "/webhook", how }];
      const { status, body, text, sent, hits, orders } = await through(world, breaks);
      assert.equal(hits, 1);
      assert.deepEqual([status, body.error.code], [502, "BAD_GATEWAY"], text);
      if (how === "late") {
        assert.equal((await ended(world, sent)).length, 1);
        assert.equal((await world.send(sent)).status, 409);
      }
      assert.equal((await orders()).length, how === "late" ? 1 : 0);
    });

    test(`the queue fails (${how}): 503, and the signal sent again is one order`, async () => {
      await world.set("webhooks:queue_mode", "queue_everywhere");
      await new Promise((done) => setTimeout(done, 1_100));
      const { status, body, text, sent, hits, orders } = await through(world, [{ on: "TRADE_QUEUE.send", how }]);
      assert.equal(hits, 1);
      assert.deepEqual([status, body.success], [503, false], text);
      await calm(world);
      await until(async () => [202, 409].includes((await world.send(sent)).status));
      assert.equal((await ended(world, sent)).length, 1);
      await new Promise((done) => setTimeout(done, 500));
      assert.equal((await orders()).length, 1);
      await world.set("webhooks:queue_mode", "direct_only");
      await new Promise((done) => setTimeout(done, 1_100));
    });
  }

  test("what breaks off is put into the queue where that is wanted, and is one order", async () => {
    await world.set("webhooks:queue_mode", "queue_failover");
    await new Promise((done) => setTimeout(done, 1_100));
    for (const how of ["before", "late"]) {
      const breaks = [{ on: "TRADE_SERVICE.fetch", with: "/webhook", how }];
      const { status, text, sent, orders } = await through(world, breaks);
      assert.equal(status, 202, text);
      assert.equal((await ended(world, sent)).length, 1);
      assert.equal((await orders()).length, 1);
    }
  });
});

describe("the trade engine", () => {
  let world;
  before(async () => {
    world = await start(venue, {
      extra: [hand("trade-worker")],
      change: ({ trade }) => sabotaged(trade, { objects: true }),
    });
    await calm(world);
    assert.equal((await world.send()).status, 200);
  });
  after(() => world?.stop());

  for (const how of ["before", "late"]) {
    test(`D1 fails while an order is written down (${how}): answered, and there once`, async () => {
      const fields = { exchange: "bybit", symbol: how === "late" ? "ETHUSDT" : "SOLUSDT", quantity: 2 };
      const { status, text, sent, orders } = await through(world, [{ on: "DB.batch", how, times: 3 }], fields);
      assert.equal(status, 200, text);
      assert.equal((await ended(world, sent)).length, 1);
      await until(async () => (await sabotage(world, {})).hits >= 0 && (await ended(world, sent))[0].fee);
      const executions = await world.rows("SELECT change FROM executions WHERE symbol = ?", fields.symbol);
      assert.deepEqual(executions, [{ change: "2" }]);
      const [position] = await world.rows("SELECT size FROM positions WHERE symbol = ?", fields.symbol);
      assert.equal(position.size, "2");
      assert.equal((await orders()).length, 1);
      await calm(world);
    });

    test(`the object that carries the order out breaks off (${how}): through the queue, once`, async () => {
      const breaks = [{ on: "IDEMPOTENCY_STORE.fetch", with: "/order", how }];
      const { status, text, sent, hits, orders } = await through(world, breaks);
      assert.equal(hits, 1);
      assert.equal(status, 202, text);
      assert.equal((await ended(world, sent)).length, 1);
      assert.equal((await orders()).length, 1);
    });

    test(`the object breaks off under a message of the queue (${how}): delivered again, once`, async () => {
      await world.set("webhooks:queue_mode", "queue_everywhere");
      await new Promise((done) => setTimeout(done, 1_100));
      const breaks = [{ on: "IDEMPOTENCY_STORE.fetch", with: "/consume", how }];
      const { status, text, sent, orders } = await through(world, breaks);
      assert.equal(status, 202, text);
      assert.equal((await ended(world, sent)).length, 1);
      assert.equal((await orders()).length, 1);
      await world.set("webhooks:queue_mode", "queue_failover");
      await new Promise((done) => setTimeout(done, 1_100));
    });

    test(`the queue of dead letters fails (${how}): the letter is kept all the same`, async () => {
      await sabotage(world, { breaks: [{ on: "TRADE_DLQ.send", how }] });
      const body = `{"exchange":"nowhere","how":"${how}"}`;
      const queue = await world.miniflare.getQueueProducer("TRADE_QUEUE", "hoox");
      await queue.send(body, { contentType: "text" });
      const sql = "SELECT body FROM dead_letters WHERE body = ?";
      await until(async () => (await world.rows(sql, body)).length > 0, 60_000);
      await calm(world);
    });
  }

  test("KV outage in the trade engine: an entry is refused and can be sent again", async () => {
    await new Promise((done) => setTimeout(done, 1_100));
    const { status, body, text, sent, hits, orders } = await through(world, [{ on: "CONFIG_KV.get", times: 9 }]);
    assert.ok(hits > 0);
    assert.deepEqual([status, body.error?.code], [503, "KILL_SWITCH_ACTIVE"], text);
    assert.deepEqual(await orders(), []);
    await calm(world);
    await until(async () => [200, 409].includes((await world.send(sent)).status));
    assert.equal((await ended(world, sent)).length, 1);
    assert.equal((await orders()).length, 1);
  });
});
