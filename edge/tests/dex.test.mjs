// `/dex` (trade.md §11): from the trade engine through the wallet onto the chain.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { migrateWallet, startChain, walletWorker } from "./chain.mjs";
import { start, startVenue } from "./world.mjs";

const FRIEND = `0x${"77".repeat(20)}`;

let chain, venue, world;

before(async () => {
  chain = await startChain();
  venue = await startVenue();
  world = await start(venue, {
    extra: [walletWorker(chain.url, venue)],
    change: ({ trade }) => {
      trade.serviceBindings = { ...trade.serviceBindings, WALLET_SERVICE: "web3-wallet-worker" };
    },
  });
  await migrateWallet(world.miniflare);
  const security = { whitelistedContracts: [FRIEND] };
  await world.set("wallet:config", JSON.stringify({ security }));
});

after(async () => {
  await world?.stop();
  await venue?.stop();
  await chain?.stop();
});

const dex = (fields = {}, headers) =>
  world.internal(
    "/dex",
    { chain: "ethereum", to: FRIEND, value: "1000000000000001", data: "0x", ...fields },
    headers,
  );

test("an amount in wei arrives to the last digit, once for each request", async () => {
  const id = crypto.randomUUID();
  const first = await dex({}, { "x-request-id": id });
  assert.equal(first.status, 200, first.text);
  assert.deepEqual([first.body.requestId, first.body.result.status], [id, "confirmed"]);
  assert.equal(await chain.balance(FRIEND), 1_000_000_000_000_001n);
  const again = await dex({}, { "x-request-id": id });
  assert.equal(again.body.result.txHash, first.body.result.txHash);
  assert.equal(await chain.count(), 1);
});

test("what the wallet refuses is told, and what halts trading halts it too", async () => {
  const stranger = await dex({ to: `0x${"66".repeat(20)}` });
  assert.deepEqual([stranger.status, stranger.body.error.code], [403, "FORBIDDEN"]);
  const above = await dex({ gasLimit: 1_000_000_000 });
  assert.deepEqual([above.status, above.body.error.code], [403, "FEE_LIMIT"]);
  assert.equal((await dex({ value: "0.1" })).status, 400);
  assert.equal((await dex({ chain: "polygon" })).status, 403);
  assert.equal((await dex({}, { "x-internal-auth-key": "wrong" })).status, 401);
  await world.set("trade:kill_switch", "true");
  assert.equal((await dex()).status, 503);
  await world.set("trade:kill_switch", "false");
  assert.equal(await chain.count(), 1);
  assert.equal((await dex()).status, 200);
});
