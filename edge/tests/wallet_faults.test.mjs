// The wallet on workerd when its node, the chain or its secrets are not as they should be.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { asker, startChain, startProxy, startWallet } from "./chain.mjs";
import { startVenue, until } from "./world.mjs";

const FRIEND = `0x${"77".repeat(20)}`;
/** Of anvil's first account: everybody's. */
const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

let chain, proxy, venue, world, done, refused;

before(async () => {
  chain = await startChain();
  proxy = await startProxy(chain.url);
  venue = await startVenue();
  world = await startWallet(proxy.url, venue);
  await world.configure({ security: { whitelistedContracts: [FRIEND] } });
  ({ done, refused } = asker(world, chain));
});

after(async () => {
  await world?.stop();
  await proxy?.stop();
  await venue?.stop();
  await chain?.stop();
});

const call = (...asked) => world.call(...asked);
const process_ = (...asked) => world.process(...asked);
const pay = (fields = {}) => ({ action: "sendTransaction", to: FRIEND, value: "0.001", ...fields });

test("a node that is down is told, and nothing is signed", async () => {
  proxy.isDown = true;
  try {
    const error = await refused(pay(), 502, "BAD_GATEWAY");
    // Neither its address nor its words.
    assert.ok(!JSON.stringify(error).includes("127.0.0.1"), JSON.stringify(error));
  } finally {
    proxy.isDown = false;
  }
  await done(pay());
});

test("where one node falls silent another is asked, and sent to", async () => {
  // Of another account, whose nonces nobody else knows: anvil's first.
  const bindings = { WALLET_PK_SECRET: KEY };
  const other = await startWallet(`${proxy.url},${chain.url}`, venue, { bindings });
  try {
    await other.configure({ security: { whitelistedContracts: [FRIEND] } });
    const expected = asker(other, chain);
    await expected.done(pay());
    const before = await chain.balance(FRIEND);
    // In the moment in which it is handed a transaction.
    proxy.before = (methods) => methods.includes("eth_sendRawTransaction") && (proxy.isDown = true);
    await expected.done(pay());
    await expected.done(pay());
    assert.equal((await chain.balance(FRIEND)) - before, 2n * 10n ** 15n);
  } finally {
    [proxy.before, proxy.isDown] = [() => false, false];
    await other.stop();
  }
});

test("a lost reply is looked up, and never signed again", async () => {
  let lost = 0;
  proxy.after = (methods) => methods.includes("eth_sendRawTransaction") && (lost += 1) === 1;
  try {
    const before = await chain.balance(FRIEND);
    const id = crypto.randomUUID();
    await done(pay(), id);
    assert.equal((await chain.balance(FRIEND)) - before, 10n ** 15n);
    assert.equal(lost, 1, "sent once");
  } finally {
    proxy.after = () => false;
  }
});

test("a node that lies about nonce or balance gets nothing signed twice", async () => {
  const about = (method, lie) => {
    proxy.lie = (asked, result) => (asked === method ? lie : result);
  };
  try {
    about("eth_getTransactionCount", "0x999");
    await refused(pay(), 502, "BAD_GATEWAY");
    about("eth_getBalance", "0x1");
    await refused(pay(), 422, "TRANSACTION_REJECTED");
    // Too low a count costs no nonce twice.
    const from = await chain.count();
    about("eth_getTransactionCount", "0x0");
    const { status, body } = await process_(pay());
    assert.deepEqual([status, body.result.nonce], [200, from], JSON.stringify(body));
  } finally {
    proxy.lie = (_, result) => result;
  }
});

test("a reorganisation is noticed, and the same bytes are sent again", async () => {
  const id = crypto.randomUUID();
  const first = await done(pay(), id);
  const before = await chain.balance(FRIEND);
  await chain.ask("evm_setAutomine", false);
  try {
    await chain.ask("anvil_rollback", 1);
    assert.ok((await chain.balance(FRIEND)) < before);
    const status = async () => (await call("GET", `/transaction?chain=ethereum&id=${id}`)).body.result;
    assert.equal((await status()).status, "pending");
    await chain.ask("anvil_mine", "0x3");
    const last = await until(async () => {
      const it = await status();
      return it.isFinal && it;
    });
    assert.deepEqual([last.txHash, last.status], [first.txHash, "confirmed"]);
    assert.equal(await chain.balance(FRIEND), before);
  } finally {
    await chain.ask("evm_setAutomine", true);
  }
});

/** Nothing gets into a block but by hand. */
async function withoutMining(work) {
  await chain.ask("evm_setAutomine", false);
  try {
    await work();
  } finally {
    await chain.ask("evm_setAutomine", true);
    await chain.ask("anvil_mine", "0x1");
    proxy.before = () => false;
  }
}

const lookUp = async (id) => (await call("GET", `/transaction?chain=ethereum&id=${id}`)).body.result;

test("a transaction that was dropped is sent again, the same bytes", async () => {
  await withoutMining(async () => {
    const [before, id] = [await chain.balance(FRIEND), crypto.randomUUID()];
    const { body } = await process_(pay(), id);
    assert.equal(body.result.status, "pending", JSON.stringify(body));
    await chain.ask("anvil_dropTransaction", body.result.txHash);
    await lookUp(id);
    await chain.ask("anvil_mine", "0x1");
    const { txHash, status } = await lookUp(id);
    assert.deepEqual([txHash, status], [body.result.txHash, "confirmed"]);
    assert.equal((await chain.balance(FRIEND)) - before, 10n ** 15n);
  });
});

test("where a chain is switched off, what was signed is sent as it is and not paid more for", async () => {
  const [before, from] = [await chain.balance(FRIEND), await chain.count()];
  const sent = [];
  let isLost = true;
  proxy.before = (methods, asked) => {
    if (!methods.includes("eth_sendRawTransaction")) return false;
    sent.push(asked[0].params[0]);
    return isLost || (new Set(sent).size === 1 && "transaction underpriced");
  };
  try {
    const id = crypto.randomUUID();
    assert.equal((await process_(pay(), id)).body.result.status, "pending");
    await world.configure({ chains: { ethereum: false } });
    isLost = false;
    const enough = sent.length + 2;
    // By the alarm, with nobody asking.
    await until(() => sent.length >= enough, 40_000);
    assert.equal(new Set(sent).size, 1, "signed once");
    await world.configure({ chains: { ethereum: true } });
    // Switched on again it is paid more for.
    await until(() => new Set(sent).size === 2, 40_000);
    await until(async () => (await lookUp(id)).status === "confirmed");
    assert.equal((await chain.balance(FRIEND)) - before, 10n ** 15n);
    assert.equal(await chain.count(), from + 1);
  } finally {
    proxy.before = () => false;
    await world.configure({ chains: { ethereum: true } });
  }
});

test("an answer that never ends is given up at a length", async () => {
  proxy.floods = true;
  try {
    await refused(pay(), 502, "BAD_GATEWAY");
    // The limit of 8 MiB, and what was on the way.
    assert.ok(proxy.flooded > 8 * 2 ** 20 && proxy.flooded < 24 * 2 ** 20, `${proxy.flooded}`);
  } finally {
    proxy.floods = false;
  }
  await done(pay());
});

test("one that pays too little is replaced, and executed once", async () => {
  const [before, from] = [await chain.balance(FRIEND), await chain.count()];
  let left = 2;
  proxy.before = (methods) =>
    methods.includes("eth_sendRawTransaction") && (left -= 1) >= 0 && "transaction underpriced";
  try {
    const id = crypto.randomUUID();
    const { body } = await process_(pay(), id);
    const status = await until(async () => {
      const found = await lookUp(id);
      return found.status === "confirmed" && found;
    });
    assert.equal(status.nonce, body.result.nonce);
    assert.equal((await chain.balance(FRIEND)) - before, 10n ** 15n);
    assert.equal(await chain.count(), from + 1);
  } finally {
    proxy.before = () => false;
  }
});

test("a nonce that a refusal has left is filled, with nobody asking", async () => {
  const [before, from] = [await chain.balance(FRIEND), await chain.count()];
  let [refuse, seen] = [undefined, undefined];
  const isThere = new Promise((done) => (seen = done));
  proxy.before = (methods) => {
    if (!methods.includes("eth_sendRawTransaction") || refuse) return false;
    seen();
    return new Promise((done) => (refuse = () => done("insufficient funds for transfer")));
  };
  try {
    const first = process_(pay());
    await isThere;
    const second = crypto.randomUUID();
    const waiting = process_(pay(), second);
    await until(() => proxy.seen.at(-1) && chain.ask("txpool_status").then((it) => it.queued !== "0x0"));
    refuse();
    const { status, body } = await first;
    assert.deepEqual([status, body.result.status, body.result.nonce], [200, "failed", from]);
    assert.equal((await waiting).body.result.nonce, from + 1);
    await until(async () => (await chain.count()) === from + 2, 30_000);
    assert.equal((await lookUp(second)).status, "confirmed");
    assert.equal((await chain.balance(FRIEND)) - before, 10n ** 15n);
  } finally {
    proxy.before = () => false;
  }
});

test("a secret that is no key is told without an echo", async () => {
  const sad = { WALLET_MNEMONIC_SECRET: "abandon ".repeat(12).trim() };
  for (const [bindings, status] of [
    [sad, 400],
    [{ WALLET_PK_SECRET: `0x${"0".repeat(64)}` }, 400],
    [{ WALLET_MNEMONIC_SECRET: undefined }, 500],
  ]) {
    const other = await startWallet(proxy.url, venue, { bindings });
    try {
      const answers = [await other.call("GET", "/"), await other.process(pay())];
      for (const answer of answers) {
        assert.equal(answer.status, status, answer.text);
        assert.ok(!/abandon|000000/.test(answer.text), answer.text);
      }
      assert.equal((await other.call("GET", "/health")).status, 503);
    } finally {
      await other.stop();
    }
  }
});

test("no secret and no node's address is in the log", () => {
  const log = world.output();
  for (const secret of ["abandon", "127.0.0.1", "internal-key"]) {
    assert.ok(!log.includes(secret), log);
  }
});
