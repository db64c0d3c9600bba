// Every route of the wallet (wallet.md §1) on workerd, and what is written down of it (§11).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  asker, buildMarket, COIN, ETHER, OWN, ROUTER, startChain, startWallet, WORDS, WRAPPED,
} from "./chain.mjs";
import { startVenue, until } from "./world.mjs";

const FRIEND = `0x${"77".repeat(20)}`;
const THIEF = `0x${"66".repeat(20)}`;
/** The second account of the words. */
const SECOND = "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0";

let chain, venue, world, token, done;

before(async () => {
  chain = await startChain();
  venue = await startVenue();
  ({ token } = await buildMarket(chain));
  await chain.ask("anvil_setBalance", SECOND, `0x${ETHER.toString(16)}`);
  world = await startWallet(chain.url, venue);
  await world.configure({ security: { whitelistedContracts: [FRIEND, token, WRAPPED] } });
  ({ done } = asker(world, chain));
});

after(async () => {
  await world?.stop();
  await venue?.stop();
  await chain?.stop();
});

const NOW = () => Math.floor(Date.now() / 1000);

/** A route that changes something, once for each id. */
async function post(path, body, id = crypto.randomUUID()) {
  const { status, body: told, text } = await world.call("POST", path, body, undefined, id);
  assert.deepEqual([status, told.result?.status, told.requestId], [200, "confirmed", id], text);
  assert.equal(told.result.id, id);
  return told.result;
}

async function get(path) {
  const { status, body, text } = await world.call("GET", path);
  assert.equal(status, 200, text);
  return body.result;
}

async function row(id) {
  return until(async () => {
    const [found] = await world.rows("SELECT * FROM wallet_transactions WHERE id = ?", id);
    return found?.status !== "pending" && found;
  });
}

test("tokens are sent over /transfer, once for each id, and every column is written down", async () => {
  const id = crypto.randomUUID();
  const body = { chain: "ethereum", tokenAddress: token, to: FRIEND, amount: `${ETHER / 100n}` };
  const first = await post("/transfer", body, id);
  assert.equal((await post("/transfer", body, id)).txHash, first.txHash);
  assert.equal(await chain.held(token, FRIEND), ETHER / 100n);
  const written = await row(id);
  const receipt = await chain.ask("eth_getTransactionReceipt", first.txHash);
  assert.ok(written.created_at > 0 && written.confirmed_at >= written.created_at);
  const lower = (text) => text?.toLowerCase();
  assert.deepEqual(
    {
      ...written,
      from_address: lower(written.from_address),
      to_address: lower(written.to_address),
      token_address: lower(written.token_address),
      created_at: 0,
      confirmed_at: 0,
    },
    {
      id, chain: "ethereum", tx_hash: first.txHash, type: "transfer", status: "confirmed",
      from_address: lower(OWN), to_address: FRIEND, value: `${ETHER / 100n}`,
      token_address: lower(token), gas_used: `${BigInt(receipt.gasUsed)}`,
      gas_price: `${BigInt(receipt.effectiveGasPrice)}`, block_number: Number(receipt.blockNumber),
      error: null, created_at: 0, confirmed_at: 0,
    },
  );
});

test("/approve, /wrap and /unwrap do what their actions do", async () => {
  const { id } = await post("/approve", { tokenAddress: token, spender: FRIEND, amount: "7" });
  assert.equal(await chain.allowed(token, FRIEND), 7n);
  const asked = `/allowance?chain=ethereum&tokenAddress=${token}&spender=${FRIEND}`;
  assert.deepEqual(await get(asked), { allowance: "7" });
  const approved = await row(id);
  assert.deepEqual([approved.type, approved.value], ["approve", "7"]);
  const wrapped = await post("/wrap", { amount: "1000" });
  await post("/unwrap", { amount: "400" });
  assert.equal(await chain.held(WRAPPED, OWN), 600n);
  const { value, token_address, type } = await row(wrapped.id);
  assert.deepEqual([value, token_address, type], ["1000", WRAPPED, "swap"]);
});

test("/quote tells both sides, and /swap keeps to bound, deadline and recipient", async () => {
  const amount = ETHER / 20n;
  const quoted = await get(`/quote?chain=ethereum&tokenIn=${COIN}&tokenOut=${token}&amountIn=${amount}`);
  assert.equal(quoted.amountIn, `${amount}`);
  const [whole, rest] = quoted.amountOutFormatted.split(".");
  assert.equal(BigInt(whole + rest.padEnd(18, "0")), BigInt(quoted.amountOut));
  assert.deepEqual([quoted.tokenOut.toLowerCase(), quoted.chain], [token.toLowerCase(), "ethereum"]);
  const backwards = await get(`/quote?tokenIn=${COIN}&tokenOut=${token}&amountOut=${amount}`);
  assert.ok(BigInt(backwards.amountIn) > amount && backwards.amountOut === `${amount}`);
  // The first swap of a pool costs more than the next ones.
  const buy = { tokenIn: COIN, tokenOut: token, amountIn: `${amount}` };
  await post("/swap", { ...buy, gasLimit: 400_000 });
  // Without a word on gas, with every bound.
  const { amountOut } = await get(`/quote?tokenIn=${COIN}&tokenOut=${token}&amountIn=${amount}`);
  const before = await chain.held(token, FRIEND);
  const bounds = { minAmountOut: amountOut, deadline: NOW() + 600, recipient: FRIEND };
  const { id } = await post("/swap", { ...buy, ...bounds });
  assert.equal((await chain.held(token, FRIEND)) - before, BigInt(amountOut));
  const written = await row(id);
  assert.deepEqual(
    [written.type, written.to_address, written.value, written.token_address],
    ["swap", FRIEND, `${amount}`, null],
  );
  const from = await chain.count();
  for (const [fields, status, code] of [
    [{ minAmountOut: `${2n * amount}` }, 422, "TRANSACTION_REJECTED"],
    [{ deadline: NOW() - 1 }, 400, "VALIDATION_ERROR"],
    [{ recipient: THIEF }, 403, "FORBIDDEN"],
    [{ recipient: COIN }, 400, "VALIDATION_ERROR"],
    [{ minAmountOut: "1.5" }, 400, "VALIDATION_ERROR"],
    [{ tokenOut: COIN }, 400, "VALIDATION_ERROR"],
    [{ chain: "atlantis" }, 400, "VALIDATION_ERROR"],
  ]) {
    const answer = await world.call("POST", "/swap", { ...buy, ...fields });
    assert.deepEqual([answer.status, answer.body.error?.code], [status, code], answer.text);
  }
  assert.equal(await chain.count(), from);
});

test("/transactions takes what it is filtered by", async () => {
  const all = await get("/transactions");
  assert.equal(all.count, all.transactions.length);
  assert.ok(all.count >= 5);
  for (const type of ["transfer", "approve", "swap"]) {
    const { transactions } = await get(`/transactions?chain=ethereum&type=${type}&status=confirmed`);
    assert.ok(transactions.length > 0 && transactions.every((it) => it.type === type), type);
  }
  assert.equal((await get("/transactions?chain=bsc")).count, 0);
  assert.equal((await get("/transactions?status=failed")).count, 0);
  const ids = ({ transactions }) => transactions.map((it) => it.id);
  const second = await get("/transactions?limit=1&offset=1");
  assert.deepEqual(ids(second), ids(all).slice(1, 2));
  for (const wrong of ["limit=-1", "limit=many", "offset=1.5"]) {
    assert.equal((await world.call("GET", `/transactions?${wrong}`)).status, 400, wrong);
  }
});

test("/status tells the account, its chains and its limits", async () => {
  const status = await get("/status");
  const { updatedAt, ...rest } = status;
  assert.ok(updatedAt > 0);
  assert.deepEqual(rest, {
    address: OWN,
    source: "mnemonic",
    enabled: true,
    defaultChain: "ethereum",
    availableChains: [
      { name: "ethereum", chainId: 1, currency: "ETH" },
      { name: "bsc", chainId: 56, currency: "BNB" },
    ],
    security: { maxTransactionValueUsd: 10000, whitelistedContractsOnly: true, dryRun: false },
  });
});

test("/config is merged deeply, and what it does not know is refused", async () => {
  const before = await get("/config");
  const change = { dex: { slippageTolerance: 1 }, security: { maxTransactionValueUsd: 9999.5 } };
  const { status, body } = await world.call("PUT", "/config", change);
  assert.equal(status, 200);
  assert.deepEqual(body.result, {
    ...before,
    dex: { ...before.dex, ...change.dex },
    security: { ...before.security, ...change.security },
    updatedAt: body.result.updatedAt,
  });
  assert.deepEqual(await get("/config"), body.result);
  for (const wrong of [
    { nonsense: 1 }, { dex: { nonsense: 1 } }, { security: { whitelistedContracts: ["0x12"] } },
    { defaultChain: "atlantis" }, { chains: { atlantis: true } }, { enabled: "yes" }, [], 7,
    { security: null },
  ]) {
    const answer = await world.call("PUT", "/config", wrong);
    assert.deepEqual([answer.status, answer.body.error?.code], [400, "VALIDATION_ERROR"], answer.text);
  }
  assert.deepEqual(await get("/config"), body.result);
  await world.configure({ dex: before.dex, security: before.security });
});

test("another account of the words is another sender, on every route", async () => {
  const { txHash, nonce } = await done({
    action: "sendTransaction", to: FRIEND, value: "0.001", accountIndex: 1,
  });
  const sent = await chain.ask("eth_getTransactionByHash", txHash);
  assert.deepEqual([sent.from, nonce], [SECOND.toLowerCase(), 0]);
  const { balance } = await get("/balance?chain=ethereum&accountIndex=1");
  assert.ok(Number(balance) < 1 && Number(balance) > 0.99, balance);
  for (const accountIndex of [100, -1, 1.5, "1"]) {
    const body = { tokenAddress: token, to: FRIEND, amount: "1", accountIndex };
    assert.equal((await world.call("POST", "/transfer", body)).status, 400, `${accountIndex}`);
  }
});

test("the words may have their other name, and a private key has one account", async () => {
  for (const [bindings, address, source] of [
    [{ WALLET_MNEMONIC_SECRET: undefined, ETH_MNEMONIC: WORDS }, OWN, "mnemonic"],
    [
      { WALLET_PK_SECRET: "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80" },
      "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "private_key",
    ],
  ]) {
    const other = await startWallet(chain.url, venue, { bindings });
    try {
      const { body } = await other.call("GET", "/");
      assert.deepEqual([body.walletAddress, body.source], [address, source]);
      const second = await other.call("GET", "/balance?accountIndex=1");
      assert.equal(second.status, source === "mnemonic" ? 200 : 400, second.text);
    } finally {
      await other.stop();
    }
  }
});

test("the configuration of an older installation is brought over once", async () => {
  const document = { security: { whitelistedContracts: [FRIEND], maxTransactionValueUsd: 77 } };
  const other = await startWallet(chain.url, venue, { older: JSON.stringify(document) });
  try {
    const read = async () => (await other.call("GET", "/config")).body.result.security;
    assert.equal((await read()).maxTransactionValueUsd, 77);
    assert.deepEqual((await read()).whitelistedContracts, [FRIEND]);
    assert.equal(await other.kv.get("wallet:config"), JSON.stringify(document));
    assert.match(await other.kv.get("migrated:v1"), /^\d+$/);
    // What is deleted afterwards does not come back.
    await other.kv.delete("wallet:config");
    assert.deepEqual((await read()).whitelistedContracts, []);
  } finally {
    await other.stop();
  }
});

test("without a ticker coins have no price, and nothing leaves", async () => {
  const bindings = { PRICE_BASE_URL: "http://127.0.0.1:1" };
  const other = await startWallet(chain.url, venue, { bindings });
  try {
    await other.configure({ security: { whitelistedContracts: [FRIEND] } });
    const { refused } = asker(other, chain);
    const pay = { action: "sendTransaction", to: FRIEND, value: "0.001" };
    await refused(pay, 403, "PRICE_UNAVAILABLE");
  } finally {
    await other.stop();
  }
});

test("what is halted between an approval and its swap is not signed", async () => {
  const [from, before] = [await chain.count(), await chain.held(token, OWN)];
  const amount = ETHER / 50n;
  const swap = { tokenIn: token, tokenOut: COIN, amountIn: `${amount}`, gasLimit: 400_000 };
  const id = crypto.randomUUID();
  await chain.ask("evm_setAutomine", false);
  try {
    const answer = world.call("POST", "/swap", swap, undefined, id);
    await until(async () => (await chain.ask("txpool_status")).pending === "0x1");
    await world.kv.put("trade:kill_switch", "true");
    // A change is in force within a second.
    await new Promise((done) => setTimeout(done, 1_200));
    await chain.ask("anvil_mine", "0x1");
    const { status, body } = await answer;
    assert.deepEqual([status, body.success], [503, false], JSON.stringify(body));
    assert.match(body.error.message, /halted|disabled|kill/i);
  } finally {
    await chain.ask("evm_setAutomine", true);
    await world.kv.delete("trade:kill_switch");
  }
  assert.deepEqual([await chain.count(), await chain.allowed(token, ROUTER)], [from + 1, amount]);
  // Asked for again, it is carried on with.
  await post("/swap", swap, id);
  assert.deepEqual([await chain.count(), await chain.allowed(token, ROUTER)], [from + 2, 0n]);
  assert.equal(before - (await chain.held(token, OWN)), amount);
});
