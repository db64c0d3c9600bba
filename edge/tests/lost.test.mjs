// A panic in the middle of a request, and whatever else ends the instance of the program: an answer of
// ours for everybody who was waiting, and the isolate goes on with a new instance.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { asker, startChain, startProxy, startWallet } from "./chain.mjs";
import { hand, sabotage, sabotaged } from "./sabotage.mjs";
import { signal, start, startVenue, until } from "./world.mjs";

let venue;
before(async () => (venue = await startVenue()));
after(() => venue?.stop());

/** An error envelope, and no word of what happened. */
function isClean({ status, headers, body, text }) {
  assert.deepEqual([status, body.success, body.error?.code], [500, false, "INTERNAL_ERROR"], text);
  assert.match(body.requestId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(Object.keys(body).toSorted(), ["error", "requestId", "success"]);
  assert.equal(headers.get("x-request-id"), body.requestId);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.doesNotMatch(text, /panick|unreachable|\bat |\.rs|wasm|overflow/i);
}

for (const how of ["panic", "trap"]) {
  describe(`the gateway: a ${how}`, () => {
    let world;
    before(async () => {
      world = await start(venue, { extra: [hand("hoox")], change: ({ gateway }) => sabotaged(gateway) });
      assert.equal((await world.send()).status, 200);
    });
    after(() => world?.stop());

    test("a clean answer, and the next request in the same isolate works", async () => {
      for (let n = 0; n < 3; n += 1) {
        const fatal = signal();
        await sabotage(world, { [how]: fatal.idempotencyKey });
        isClean(await world.send(fatal));
        assert.equal((await sabotage(world, {})).hits, 1, "it did end");
        // Nothing had been locked yet.
        assert.equal((await world.send(fatal)).status, 200);
      }
    });

    test("whoever else is on the way in the isolate hears of it at once, and loses no order", async () => {
      await venue.fault({ kind: "delay", ms: 1_500, matches: "POST /fapi/v1/order" });
      const other = signal();
      const waiting = world.send(other);
      await until(async () => (await venue.placed()).length > 0);
      const fatal = signal();
      await sabotage(world, { [how]: fatal.idempotencyKey });
      const began = Date.now();
      isClean(await world.send(fatal));
      const answered = await waiting;
      if (answered.status !== 200) isClean(answered);
      // It would otherwise be given up by nobody.
      assert.ok(Date.now() - began < 10_000);
      const rows = await until(async () => {
        const sql = "SELECT * FROM trades WHERE idempotency_key = ? AND status = 'Filled'";
        const rows = await world.rows(sql, `idemp:${other.idempotencyKey}:live`);
        return rows.length > 0 && rows;
      });
      assert.equal(rows.length, 1);
      assert.equal((await world.send(other)).status, 409);
    });
  });

  describe(`the trade engine: a ${how} in the middle of an order`, () => {
    let world;
    before(async () => {
      world = await start(venue, { extra: [hand("trade-worker")], change: ({ trade }) => sabotaged(trade) });
      assert.equal((await world.send()).status, 200);
    });
    after(() => world?.stop());

    for (const mode of ["direct_only", "queue_failover"]) {
      test(`${mode}: the order that the exchange has taken is found, and is there once`, async () => {
        await world.set("webhooks:queue_mode", mode);
        await new Promise((done) => setTimeout(done, 1_100));
        const before = await venue.placed();
        // The exchange's answer to the order is what ends the instance: the order is there already. Its
        // length is looked at twice: whether it is too long, and when it is copied.
        await sabotage(world, { [how]: '"origQty":"0.017', looks: 2 });
        const began = Date.now();
        const fatal = signal({ quantity: 0.017 });
        const others = [world.send(), world.send()];
        const answer = await world.send(fatal);
        assert.ok(Date.now() - began < 10_000, "nobody waits for what will not come");
        if (mode === "direct_only") isClean(answer);
        else assert.deepEqual([answer.status, answer.body.status], [202, "Enqueued"], answer.text);
        for (const { status, body, text } of await Promise.all(others)) {
          assert.ok([200, 202, 500, 502, 503].includes(status), text);
          assert.equal(body.success, status < 300, text);
        }
        assert.equal((await sabotage(world, {})).hits, 1, "it did end");
        // The next request in the same isolate works.
        assert.equal((await world.send()).status, 200);
        const sql = "SELECT * FROM trades WHERE idempotency_key = ? AND status = 'Filled'";
        const rows = await until(async () => {
          const rows = await world.rows(sql, `idemp:${fatal.idempotencyKey}:live`);
          return rows.length > 0 && rows;
        }, 60_000);
        assert.equal(rows.length, 1);
        const now = await venue.placed();
        assert.equal(new Set(now).size, now.length, "no order is twice");
        assert.ok(now.includes(rows[0].client_order_id) && !before.includes(rows[0].client_order_id));
        assert.equal((await world.send(fatal)).status, 409);
      });
    }

    test("no fee is missing for it either", async () => {
      await until(async () => {
        const [{ missing }] = await world.rows("SELECT count(*) AS missing FROM trades WHERE fee IS NULL");
        return missing === 0;
      });
    });
  });
  describe(`the wallet: a ${how} in the middle of a payment`, () => {
    const to = `0x${"77".repeat(20)}`;
    const pay = { action: "sendTransaction", to, value: "0.001" };
    let chain, proxy, world;
    before(async () => {
      chain = await startChain();
      proxy = await startProxy(chain.url);
      world = await startWallet(proxy.url, venue, { extra: [hand("web3-wallet-worker")], change: sabotaged });
      await world.configure({ security: { whitelistedContracts: [to] } });
      await asker(world, chain).done(pay);
    });
    after(async () => {
      await world?.stop();
      await proxy?.stop();
      await chain?.stop();
    });

    const moments = { eth_estimateGas: "before it is signed", eth_sendRawTransaction: "after it was sent" };
    for (const [method, when] of Object.entries(moments)) {
      test(`${when}: a clean answer, and asked again it is made once`, async () => {
        const [from, held] = [await chain.count(), await chain.balance(to)];
        const ids = Array.from({ length: 3 }, () => crypto.randomUUID());
        await sabotage(world, { [how]: "the last word", looks: 2 });
        proxy.lie = (asked, result) => (asked === method ? "the last word" : result);
        const began = Date.now();
        const answers = ids.map((id) => world.process(pay, id));
        await Promise.race(answers);
        proxy.lie = (_method, result) => result;
        for (const answer of await Promise.all(answers)) isClean(answer);
        assert.ok(Date.now() - began < 10_000, "nobody waits for what will not come");
        assert.equal((await sabotage(world, {})).hits, 1, "it did end");
        for (const id of ids) await asker(world, chain).done(pay, id);
        assert.equal(await chain.count(), from + ids.length);
        assert.equal((await chain.balance(to)) - held, BigInt(ids.length) * 10n ** 15n);
      });
    }
  });
}
