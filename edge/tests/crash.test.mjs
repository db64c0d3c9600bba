// workerd killed in the middle of orders, over and over: nothing twice, nothing lost.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { killRuntimes, post, signal, start, startVenue, until } from "./world.mjs";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 20);

let venue;
before(async () => (venue = await startVenue()));
after(() => venue?.stop());

test("every order is there once, whenever the runtime is killed", async () => {
  let directory;
  const sent = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const world = await start(venue, { directory });
    directory = world.directory;
    const signals = Array.from({ length: 4 }, () => signal());
    sent.push(...signals);
    const answers = signals.map((it) => post(world.url, JSON.stringify(it)).catch(() => undefined));
    // A little later each round, through all steps of an order.
    await new Promise((done) => setTimeout(done, round * 3));
    killRuntimes();
    await Promise.all(answers);
    await world.stop({ keep: true }).catch(() => {});
  }
  const world = await start(venue, { directory });
  try {
    // What never got as far as its intent is locked by nobody, and what was found not to be there is
    // free again: both can be sent again, until everything is there.
    const rows = await until(async () => {
      const filled = await world.rows("SELECT * FROM trades WHERE status = 'Filled'");
      const keys = new Set(filled.map((row) => row.idempotency_key));
      const missing = sent.filter((it) => !keys.has(`idemp:${it.idempotencyKey}:live`));
      if (missing.length === 0) return filled;
      for (const it of missing) {
        const { status, body } = await post(world.url, JSON.stringify(it));
        assert.ok([200, 409].includes(status), JSON.stringify(body));
      }
    }, 120_000);
    const ids = new Set(rows.map((row) => row.client_order_id));
    assert.deepEqual([rows.length, ids.size], [sent.length, sent.length]);
    const response = await fetch(`${venue.control}/state?orders=100000`);
    const { accounts } = await response.json();
    const placed = accounts.flatMap(({ orders }) => orders).map((order) => order.client_id);
    assert.deepEqual(placed.toSorted(), [...ids].toSorted(), "no order is twice, none is missing");
  } finally {
    await world.stop();
  }
});

test("an order whose answer nobody lived to see is found by the alarm, with nobody asking", async () => {
  const placed = async () => {
    const { accounts } = await (await fetch(`${venue.control}/state?orders=100000`)).json();
    return accounts.flatMap(({ orders }) => orders).length;
  };
  const before = await placed();
  await venue.fault({ kind: "delay", ms: 60_000, matches: "POST /fapi/v1/order" });
  let world = await start(venue, {});
  const { directory } = world;
  const answer = post(world.url, JSON.stringify(signal())).catch(() => undefined);
  await until(async () => (await placed()) > before);
  killRuntimes();
  await answer;
  await world.stop({ keep: true }).catch(() => {});
  world = await start(venue, { directory });
  try {
    const filled = () => world.rows("SELECT * FROM trades WHERE status = 'Filled'");
    const rows = await until(async () => {
      const rows = await filled();
      return rows.length > 0 && rows;
    }, 60_000);
    assert.deepEqual([rows.length, await placed()], [1, before + 1]);
  } finally {
    await world.stop();
  }
});

test("what waits for the ledger survives the runtime, and gets there once", async () => {
  const fields = { exchange: "bybit", symbol: "ETHUSDT", quantity: 0.1 };
  const answered = [];
  let directory;
  for (let round = 0; round < 6; round += 1) {
    const world = await start(venue, { directory });
    directory = world.directory;
    const answers = await Promise.all(Array.from({ length: 3 }, () => world.send(fields)));
    for (const { status, body } of answers) {
      assert.equal(status, 200, JSON.stringify(body));
      answered.push(body.requestId);
    }
    // Before the entries are sent, while they are, and when some of them have been.
    await new Promise((done) => setTimeout(done, round * 120));
    killRuntimes();
    await world.stop({ keep: true }).catch(() => {});
  }
  const world = await start(venue, { directory });
  try {
    const rows = await until(async () => {
      const rows = await world.rows("SELECT * FROM trades WHERE status = 'Filled'");
      return rows.length >= answered.length && rows;
    }, 60_000);
    assert.deepEqual(rows.map((row) => row.request_id).toSorted(), answered.toSorted());
    const executions = await world.rows("SELECT trade_id FROM executions");
    assert.deepEqual(executions.map((row) => row.trade_id).toSorted(), rows.map((row) => row.id).toSorted());
    const [position] = await world.rows("SELECT size FROM positions WHERE symbol = 'ETHUSDT'");
    assert.equal(position.size, String(Math.round(answered.length) / 10));
  } finally {
    await world.stop();
  }
});
