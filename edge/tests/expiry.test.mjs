// A month of expiries, compressed: the clock of the trade engine goes ahead, its alarms ring when they
// are due by that clock, and what an object keeps stays bounded.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hand, sabotage, sabotaged } from "./sabotage.mjs";
import { post, signal, start, startVenue, until } from "./world.mjs";

const DAY = 24 * 60 * 60 * 1_000;
const DAYS = 30;

/** How much one object gets to keep on each day: more than one alarm removes. */
const A_DAY = 1_200;

let venue;
let world;
before(async () => {
  venue = await startVenue();
  world = await start(venue, {
    extra: [hand("trade-worker")],
    change: ({ trade }) => sabotaged(trade, { objects: true }),
  });
});
after(async () => {
  await world?.stop();
  await venue?.stop();
});

let ahead = 0;
const now = () => Date.now() + ahead;
const forward = async (to) => {
  ahead = Math.max(ahead, to - Date.now());
  await sabotage(world, { ahead });
};
const ask = (object, asked) => sabotage(world, { object, ...asked });

const COUNTS = `SELECT (SELECT count(*) FROM records) AS records,
  (SELECT count(*) FROM records WHERE open = 1) AS open, (SELECT count(*) FROM reservations) AS reservations,
  (SELECT count(*) FROM attempts) AS attempts,
  (SELECT count(*) FROM outbox) + (SELECT count(*) FROM records WHERE due > 0) AS due`;

/** What the object does until a time, woken by nothing but its alarms; how often that was. */
async function live(object, end) {
  let rung = 0;
  for (let { alarm } = await ask(object, {}); alarm !== null && alarm <= end; rung += 1) {
    await forward(alarm);
    ({ alarm } = await ask(object, { ring: true }));
    assert.ok(rung < 200, `the alarm rings on and on: ${JSON.stringify([alarm, end, await ask(object, { sql: COUNTS })])}`);
  }
  await forward(end);
  return rung;
}

/** The object that keeps a signal's key. */
function objectOf({ idempotencyKey }) {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`idemp:${idempotencyKey}:live`)) hash = Math.imul(hash ^ byte, 0x01000193);
  return `idemp-shard-${(hash >>> 0) % 16}`;
}

test("what an object keeps is bounded over a month, and gone after it", async () => {
  const first = signal();
  const object = objectOf(first);
  assert.equal((await post(world.url, JSON.stringify(first))).status, 200);
  const { rows } = await ask(object, { sql: "SELECT json FROM records" });
  assert.equal(rows.length, 1, "this is the object");
  const sizes = [];
  let filled = 0;
  for (let day = 1; day <= DAYS; day += 1) {
    // Keys for a day and records for a week, as orders leave them; and messages that were never ended.
    const n = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";
    await ask(object, {
      sql: `${n} INSERT INTO reservations SELECT 'seed-' || ?2 || '-' || i, 'seed-' || ?2 || '-' || i, ?3 + i FROM n`,
      values: [A_DAY, day, now() + DAY],
    });
    await ask(object, {
      sql: `${n} INSERT INTO records (request_id, leg, state, open, received_at, json)
            SELECT 'seed-' || ?2 || '-' || i, 0, 'acknowledged', 0, ?3 + i, ?4 FROM n`,
      values: [A_DAY, day, now(), rows[0].json],
    });
    await ask(object, {
      sql: `INSERT INTO attempts (request_id, failed, at) VALUES ('seed-' || ?1, 3, ?2)`,
      values: [day, now()],
    });
    // Signals go on in between; by the exchange's clock the first of a new day comes from the future.
    for (let tries = 0; tries < 4; tries += 1) {
      let sent = signal();
      while (objectOf(sent) !== object) sent = signal();
      const { status } = await post(world.url, JSON.stringify(sent));
      filled += Number(status === 200);
      if (status === 200) break;
    }
    // Whatever became of them, the exchange's own clock decides it.
    await until(async () => {
      const { rows: [{ open, due }] } = await ask(object, { ring: true, sql: COUNTS });
      return open + due === 0;
    }, 60_000);
    await live(object, now() + DAY);
    const { rows: [counts], bytes } = await ask(object, { sql: COUNTS });
    sizes.push(bytes);
    assert.ok(counts.reservations <= 2 * A_DAY, `day ${day}: ${JSON.stringify(counts)}`);
    assert.ok(counts.records <= 8.5 * A_DAY, `day ${day}: ${JSON.stringify(counts)}`);
    assert.ok(counts.attempts <= 7, `day ${day}: ${JSON.stringify(counts)}`);
  }
  assert.ok(filled >= DAYS / 2, `${filled} orders in ${DAYS} days`);
  // Full after a week, and no larger three weeks later.
  assert.ok(sizes.at(-1) <= sizes[9] * 1.1, sizes.join(" "));
  // Nobody trades any more: alarms alone end it, and then there are none.
  await live(object, now() + 9 * DAY);
  const { rows: [left], alarm } = await ask(object, { sql: COUNTS });
  assert.deepEqual([left, alarm], [{ records: 0, open: 0, reservations: 0, attempts: 0, due: 0 }, null]);
});
