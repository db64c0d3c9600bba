// workerd killed between the policy and the receipt, over and over: every payment exactly once.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  buildMarket, COIN, ETHER, OWN, ROUTER, startChain, startProxy, startWallet, WRAPPED,
} from "./chain.mjs";
import { killRuntimes, startVenue, until } from "./world.mjs";

/** `cargo xtask workers --crash-rounds 50` for more. */
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 8);
const FRIEND = `0x${"77".repeat(20)}`;
const WEI = 10n ** 15n;
const SEND = "eth_sendRawTransaction";

let chain, proxy, venue;

before(async () => {
  chain = await startChain();
  proxy = await startProxy(chain.url);
  venue = await startVenue();
});

after(async () => {
  await proxy?.stop();
  await venue?.stop();
  await chain?.stop();
});

const pay = { action: "sendTransaction", to: FRIEND, value: "0.001" };
const allow = (world) => world.configure({ security: { whitelistedContracts: [FRIEND] } });

/** Ends workerd at the `count`th transaction that is handed to the node: before or after it has it. */
function killAt(phase, count) {
  return new Promise((done) => {
    let left = count;
    proxy[phase] = (methods) => {
      if (!methods.includes(SEND)) return left === 0;
      if (left > 0) left -= 1;
      if (left > 0) return false;
      killRuntimes();
      done();
      // Nobody is left to answer, and nothing else gets through.
      return true;
    };
  });
}

test("every payment is made once, wherever the runtime is killed", async () => {
  const [before, from] = [await chain.balance(FRIEND), await chain.count()];
  const sent = [];
  let directory;
  for (let round = 0; round < ROUNDS; round += 1) {
    const world = await startWallet(proxy.url, venue, { directory });
    ({ directory } = world);
    await allow(world);
    const killed = killAt(round % 2 === 0 ? "before" : "after", 1 + (round % 3));
    const ids = Array.from({ length: 3 }, () => crypto.randomUUID());
    sent.push(...ids);
    const answers = ids.map((id) => world.process(pay, id).catch(() => undefined));
    await killed;
    await world.stop({ keep: true }).catch(() => {});
    await Promise.all(answers);
    [proxy.before, proxy.after] = [() => false, () => false];
  }
  const world = await startWallet(proxy.url, venue, { directory });
  try {
    // Whoever does not know asks again, with the same ids.
    for (const id of sent) {
      const { status, text } = await until(async () => {
        const answer = await world.process(pay, id);
        return answer.status !== 409 && answer;
      });
      assert.equal(status, 200, text);
    }
    const rows = await until(async () => {
      const rows = await world.rows("SELECT * FROM wallet_transactions WHERE status = 'confirmed'");
      return rows.length === sent.length && rows;
    });
    assert.equal(new Set(rows.map((row) => row.tx_hash)).size, sent.length);
    assert.equal(await chain.count(), from + sent.length);
    assert.equal((await chain.balance(FRIEND)) - before, WEI * BigInt(sent.length));
  } finally {
    await world.stop();
  }
});

/** Ends workerd once an approval is in a block and the swap after it is about to be prepared. */
function killBetween() {
  return new Promise((done) => {
    let isApproved = false;
    proxy.before = (methods) => {
      isApproved ||= methods.includes(SEND);
      if (!isApproved || !methods.includes("eth_estimateGas")) return false;
      killRuntimes();
      done();
      return true;
    };
  });
}

test("a swap and its approval are made once each, wherever the runtime is killed", async () => {
  const { token } = await buildMarket(chain);
  const [before, from] = [await chain.held(token, OWN), await chain.count()];
  const amount = ETHER / 100n;
  const swap = {
    action: "swap", tokenIn: token, tokenOut: COIN, amountIn: `${amount}`, gasLimit: 400_000,
  };
  const cuts = [
    () => killAt("before", 1), () => killAt("after", 1), killBetween,
    () => killAt("before", 2), () => killAt("after", 2),
  ];
  const rounds = Math.max(cuts.length, Math.min(ROUNDS, 50));
  let directory;
  for (let round = 0; round < rounds; round += 1) {
    const first = await startWallet(proxy.url, venue, { directory });
    ({ directory } = first);
    await first.configure({ security: { whitelistedContracts: [token, WRAPPED] } });
    const killed = cuts[round % cuts.length]();
    const id = crypto.randomUUID();
    const answer = first.process(swap, id).catch(() => undefined);
    await killed;
    await first.stop({ keep: true }).catch(() => {});
    await answer;
    [proxy.before, proxy.after] = [() => false, () => false];
    const world = await startWallet(proxy.url, venue, { directory });
    const { status, text } = await until(async () => {
      const answer = await world.process(swap, id);
      return answer.status !== 409 && answer;
    }, 60_000);
    await world.stop({ keep: true });
    assert.equal(status, 200, text);
    assert.equal(await chain.count(), from + 2 * (round + 1), `round ${round}`);
    assert.equal(before - (await chain.held(token, OWN)), amount * BigInt(round + 1));
    assert.equal(await chain.allowed(token, ROUTER), 0n);
  }
  rmSync(directory, { recursive: true, force: true });
});

for (const [phase, what] of [["before", "never got there"], ["after", "was not answered"]]) {
  test(`a payment that ${what} is found by the alarm, with nobody asking`, async () => {
    const [before, from] = [await chain.balance(FRIEND), await chain.count()];
    const first = await startWallet(proxy.url, venue);
    const { directory } = first;
    try {
      await allow(first);
      const killed = killAt(phase, 1);
      const answer = first.process(pay).catch(() => undefined);
      await killed;
      await first.stop({ keep: true }).catch(() => {});
      await answer;
      assert.equal(await chain.count(), phase === "before" ? from : from + 1);
      [proxy.before, proxy.after] = [() => false, () => false];
      const world = await startWallet(proxy.url, venue, { directory });
      try {
        const rows = await until(async () => {
          const rows = await world.rows("SELECT * FROM wallet_transactions");
          return rows[0]?.status === "confirmed" && rows;
        }, 40_000);
        assert.equal(rows.length, 1);
        assert.equal(await chain.count(), from + 1);
        assert.equal((await chain.balance(FRIEND)) - before, WEI);
      } finally {
        await world.stop({ keep: true });
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
