// Orders over a WebSocket that an object of the trade engine keeps open (trade.md §15), on workerd.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start, startVenue, until } from "./world.mjs";

const ENTRIES = [
  { exchange: "binance", over: "order.place", rest: "POST /fapi/v1/order" },
  { exchange: "bybit", over: "order.create", rest: "POST /v5/order/create" },
];

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

/** Orders that the exchange holds, by our ids. */
const placed = async () => {
  const { accounts } = await venue.state();
  return accounts.flatMap(({ orders }) => orders).map((order) => order.client_id);
};

/** Sends orders until one goes over the socket: before it is there, they go over REST. */
async function overSocket({ exchange, rest }) {
  await world.set(`exchange:${exchange}:use_websocket`, "true");
  await until(async () => {
    await venue.fault({ kind: "http_503_unavailable", matches: rest });
    const { status } = await world.send({ exchange });
    await venue.clear();
    return status === 200;
  });
}

for (const entry of ENTRIES) {
  const { exchange, over, rest } = entry;

  test(`${exchange}: orders go over the socket while the key says so, and over REST without`, async () => {
    await world.set("webhooks:queue_mode", "direct_only");
    assert.equal((await world.send({ exchange })).status, 200);
    await overSocket(entry);
    await venue.fault({ kind: "http_503_unavailable", matches: rest, count: 100 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => world.send({ exchange })));
    for (const { status, body } of answers) assert.equal(status, 200, JSON.stringify(body));
    await world.set(`exchange:${exchange}:use_websocket`, "false");
    await until(async () => (await world.send({ exchange })).status !== 200);
    await venue.clear();
    assert.equal((await world.send({ exchange })).status, 200);
  });

  test(`${exchange}: an order behind which the socket breaks is found, and never sent again`, async () => {
    await overSocket(entry);
    for (const kind of ["reset_after", "reset_before"]) {
      const before = await placed();
      await venue.fault({ kind, matches: over });
      const { status, body } = await world.send({ exchange });
      assert.ok([200, 202, 504].includes(status), `${kind} ${status} ${JSON.stringify(body)}`);
      const rows = await until(async () => {
        const sql = "SELECT * FROM trades WHERE request_id = ? AND status IN ('Filled', 'Rejected')";
        const rows = await world.rows(sql, body.requestId);
        return rows.length > 0 && rows;
      }, 60_000);
      const now = await placed();
      assert.ok(now.length - before.length <= 1);
      assert.equal(new Set(now).size, now.length, "no id is there twice");
      if (kind === "reset_after") assert.equal(rows[0].status, "Filled");
      // The socket comes back by itself.
      await overSocket(entry);
    }
    await world.set(`exchange:${exchange}:use_websocket`, "false");
  });
}

test("an order goes over REST while no socket can be opened", async () => {
  const lonely = await start(venue, {
    change: ({ trade }) => (trade.bindings.BINANCE_ENTRY_URL = "ws://127.0.0.1:9/ws-fapi/v1"),
  });
  try {
    await lonely.set("exchange:binance:use_websocket", "true");
    for (let n = 0; n < 3; n += 1) assert.equal((await lonely.send()).status, 200);
  } finally {
    await lonely.stop();
  }
});
