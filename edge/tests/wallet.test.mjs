// The wallet (wallet.md) on workerd: over anvil as Ethereum and a simulated exchange for prices.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import {
  asker, buildMarket, COIN, DOLLAR, ETHER, OWN, ROUTER, startChain, startWallet, WRAPPED,
} from "./chain.mjs";
import { INTERNAL_KEY, startVenue, until } from "./world.mjs";

const FRIEND = `0x${"77".repeat(20)}`;
const THIEF = `0x${"66".repeat(20)}`;

let chain, venue, world, token, zeroFirst, done, refused;

/** What other workers were told. */
const [alerts, measured] = [[], []];
const listen = (into) => async (request) => {
  into.push({ key: request.headers.get("x-internal-auth-key"), ...(await request.json()) });
  return new Response("{}");
};

before(async () => {
  chain = await startChain();
  venue = await startVenue();
  ({ token, zeroFirst } = await buildMarket(chain));
  world = await startWallet(chain.url, venue, {
    services: { TELEGRAM_SERVICE: listen(alerts), ANALYTICS_SERVICE: listen(measured) },
  });
  ({ done, refused } = asker(world, chain));
});

after(async () => {
  await world?.stop();
  await venue?.stop();
  await chain?.stop();
});

const LISTED = () => [FRIEND, token, zeroFirst, DOLLAR, WRAPPED];

beforeEach(async () => {
  await world.configure({
    security: {
      whitelistedContracts: LISTED(), maxTransactionValueUsd: 10000, maxDailyValueUsd: null,
      dryRun: false,
    },
  });
});

const call = (...asked) => world.call(...asked);
const process_ = (...asked) => world.process(...asked);
const pay = (fields = {}) => ({ action: "sendTransaction", to: FRIEND, value: "0.001", ...fields });

test("nobody is let in without the key, and the address is that of the words", async () => {
  for (const key of ["", "wrong"]) {
    assert.equal((await call("GET", "/", undefined, key)).status, 401);
    assert.equal((await call("POST", "/process", {}, key)).status, 401);
    assert.equal((await call("PUT", "/config", {}, key)).status, 401);
  }
  const { body } = await call("GET", "/");
  assert.deepEqual([body.walletAddress, body.source], [OWN, "mnemonic"]);
  assert.equal((await call("GET", "/health", undefined, "")).status, 200);
});

test("a fresh installation pays nobody who is not listed", async () => {
  await world.configure({ security: { whitelistedContracts: [] } });
  await refused(pay(), 403, "FORBIDDEN");
});

test("a payment is made once for each request, and found in the list", async () => {
  const before = await chain.balance(FRIEND);
  const id = crypto.randomUUID();
  const first = await done(pay(), id);
  assert.equal(first.gasUsed, 21000);
  assert.match(first.effectiveGasPrice, /^\d+$/);
  assert.equal((await done(pay(), id)).txHash, first.txHash);
  assert.equal((await process_(pay({ value: "0.002" }), id)).status, 409);
  assert.equal((await chain.balance(FRIEND)) - before, 10n ** 15n);
  const listed = await until(async () => {
    const { body } = await call("GET", "/transactions?chain=ethereum&limit=10");
    return body.result.transactions.find((row) => row.id === id && row.status === "confirmed");
  });
  assert.equal(listed.tx_hash, first.txHash);
});

test("people are told once what became of a payment, and an answer is measured", async () => {
  const id = crypto.randomUUID();
  const { txHash } = await done(pay(), id);
  const told = () => alerts.filter(({ message }) => message.includes(txHash));
  const [alert] = await until(() => told().length > 0 && told());
  assert.equal(alert.message, `Payment on ethereum: confirmed, ${txHash}`);
  assert.equal(alert.key, INTERNAL_KEY);
  await done(pay(), id);
  await chain.ask("anvil_mine", "0x3");
  await call("GET", `/transaction?chain=ethereum&id=${id}`);
  const point = await until(() => measured.find(({ endpoint }) => endpoint === "/transaction"));
  assert.deepEqual([point.worker, point.success], ["web3-wallet-worker", true]);
  assert.equal(told().length, 1);
});

test("the same request twice at the same moment pays once", async () => {
  const before = await chain.balance(FRIEND);
  const id = crypto.randomUUID();
  const answers = await Promise.all([process_(pay(), id), process_(pay(), id), process_(pay(), id)]);
  assert.deepEqual(answers.map((it) => it.status), [200, 200, 200], answers.map((it) => it.text));
  assert.equal(new Set(answers.map((it) => it.body.result.txHash)).size, 1);
  assert.equal((await chain.balance(FRIEND)) - before, 10n ** 15n);
});

test("payments at the same moment use consecutive nonces", async () => {
  const from = await chain.count();
  const answers = await Promise.all(Array.from({ length: 8 }, () => process_(pay())));
  const nonces = answers.map((it) => it.body.result?.nonce).sort((a, b) => a - b);
  assert.deepEqual(nonces, Array.from({ length: 8 }, (_, n) => from + n));
  assert.equal(await chain.count(), from + 8);
});

test("a payment is looked up by its request, with the blocks above it", async () => {
  const id = crypto.randomUUID();
  const { txHash } = await done(pay(), id);
  const status = async () => (await call("GET", `/transaction?chain=ethereum&id=${id}`)).body.result;
  const early = await status();
  assert.deepEqual([early.txHash, early.status, early.isFinal], [txHash, "confirmed", false]);
  await chain.ask("anvil_mine", "0x2");
  const late = await status();
  assert.deepEqual([late.confirmations, late.isFinal], [early.confirmations + 2, true]);
  const unknown = `/transaction?chain=ethereum&id=${crypto.randomUUID()}`;
  assert.equal((await call("GET", unknown)).status, 404);
});

test("gas above the trap signs nothing", async () => {
  await world.kv.put("web3:max_gas_price_gwei", "0.0000001");
  await refused(pay(), 403, "GAS_PRICE_LIMIT");
  await world.kv.delete("web3:max_gas_price_gwei");
  await chain.ask("anvil_setNextBlockBaseFeePerGas", "0x2e90edd000");
  await chain.ask("anvil_mine", "0x1");
  // Without a key in KV, a hundred.
  await refused(pay(), 403, "GAS_PRICE_LIMIT");
  await chain.ask("anvil_setNextBlockBaseFeePerGas", "0x3b9aca00");
  await chain.ask("anvil_mine", "0x1");
  await refused(pay({ gasLimit: 1e9 }), 403, "FEE_LIMIT");
  for (const [limit, usual] of [
    [{ maxGasLimit: 20999 }, { maxGasLimit: 3_000_000 }],
    [{ maxFee: "21000" }, { maxFee: null }],
  ]) {
    await world.configure({ dex: limit });
    await refused(pay(), 403, "FEE_LIMIT");
    await world.configure({ dex: usual });
  }
});

test("worth decides: confirmed above 1000 dollars, refused above the limit", async () => {
  const from = await chain.count();
  // What a caller says of worth counts for nothing.
  const one = pay({ value: "1", valueUsd: 1 });
  const { confirmationId, valueUsd } = await refused(one, 409, "CONFIRMATION_REQUIRED");
  assert.ok(Number(valueUsd) > 1000, valueUsd);
  // Another payment is not confirmed by it.
  await refused(pay({ value: "1.01", confirmationId }), 409, "CONFIRMATION_REQUIRED");
  await done(pay({ value: "1", confirmationId }));
  // Once.
  await refused(pay({ value: "1", confirmationId }), 409, "CONFIRMATION_REQUIRED");
  await refused(pay({ value: "900" }), 403, "FORBIDDEN");
  assert.equal(await chain.count(), from + 1);
});

test("the day's limit counts what was paid, and not what was refused", async () => {
  const rows = await world.rows("SELECT count(*) AS count FROM wallet_transactions");
  assert.ok(rows[0].count > 0);
  // A little is spent already, by the tests before.
  const spent = async (limit) => {
    await world.configure({ security: { maxDailyValueUsd: limit } });
    return (await process_(pay({ value: "0.01", dryRun: true }))).body.result.valueUsd;
  };
  const each = Number(await spent(1_000_000));
  await world.configure({ security: { maxDailyValueUsd: each } });
  const error = await refused(pay({ value: "0.01" }), 403, "FORBIDDEN");
  assert.match(error.message, /24 hours/);
  await world.configure({ security: { maxDailyValueUsd: 1_000_000 } });
  await done(pay({ value: "0.01" }));
});

test("the switches: wallet, chain and kill switch", async () => {
  await world.configure({ enabled: false });
  const off = await refused(pay(), 403, "FORBIDDEN");
  assert.equal(off.message, "Wallet is disabled");
  await world.configure({ enabled: true });
  await world.kv.put("trade:kill_switch", "true");
  assert.equal((await process_(pay())).status, 503);
  await world.kv.delete("trade:kill_switch");
  await refused(pay({ chain: "polygon" }), 403, "FORBIDDEN");
  await refused(pay({ chain: "atlantis" }), 400, "VALIDATION_ERROR");
});

test("a request for one chain gets nothing from another's node", async () => {
  const error = await refused(pay({ chain: "bsc" }), 502, "BAD_GATEWAY");
  assert.match(error.message, /serves chain 1, not 56/);
});

test("what is no payment is refused with the field that is wrong", async () => {
  for (const [fields, field] of [
    [{ value: "0.0000000000000000001" }, "value"],
    [{ value: "1e3" }, "value"],
    [{ value: "-1" }, "value"],
    [{ to: COIN }, "to"],
    [{ to: OWN.replace("9858E", "9858e") }, "to"],
    [{ data: "0xzz" }, "data"],
    [{ action: "transferToken", tokenAddress: token, amount: "1.5" }, "amount"],
    [{ action: "approve", tokenAddress: token, spender: COIN, amount: "1" }, "spender"],
    [{ action: "swap", tokenIn: COIN, tokenOut: token }, "amountIn"],
    [{ action: "swap", tokenIn: COIN, tokenOut: token, amountIn: "1", amountOut: "1" }, "amountIn"],
    [{ action: "swap", tokenIn: COIN, tokenOut: token, amountIn: "1", slippage: 101 }, "slippage"],
  ]) {
    const error = await refused(pay(fields), 400, "VALIDATION_ERROR");
    assert.equal(error.details?.[0].field, field, JSON.stringify(error));
  }
  await refused(pay({ value: 0.1 }), 400, "VALIDATION_ERROR");
  await refused({ action: "explode" }, 400, "VALIDATION_ERROR");
});

test("a contract that is not there, and what would be reverted, cost nothing", async () => {
  await refused(pay({ value: "0", data: "0x12345678" }), 422, "TRANSACTION_REJECTED");
  const much = { action: "transferToken", tokenAddress: token, to: FRIEND, amount: `${10n ** 24n}` };
  await world.configure({ security: { maxTransactionValueUsd: 1e9, requireConfirmation: false } });
  const error = await refused(much, 422, "TRANSACTION_REJECTED");
  assert.match(error.message, /exceeds balance/);
  await world.configure({ security: { requireConfirmation: true } });
});

test("the configuration is strict, and a part erases nothing", async () => {
  await world.configure({ security: { maxTransactionValueUsd: 20000 } });
  const { body } = await call("GET", "/config");
  assert.deepEqual(body.result.security.whitelistedContracts, LISTED());
  assert.equal((await call("PUT", "/config", { security: { nonsense: 1 } })).status, 400);
  assert.equal((await call("PUT", "/config", { dex: { slippageTolerance: 101 } })).status, 400);
  assert.equal((await call("PUT", "/config", { confirmations: 0 })).status, 400);
});

test("balances are told in whole coins, of coins and of tokens", async () => {
  const { body } = await call("GET", `/balance?chain=ethereum&address=${OWN}`);
  assert.deepEqual([body.result.symbol, body.result.decimals], ["ETH", 18]);
  assert.match(body.result.balance, /^9\d\d\.\d+$/);
  const held = await process_({ action: "getBalance", address: OWN, tokenAddress: DOLLAR });
  assert.deepEqual(held.body.result, { balance: "50000", symbol: "SLT", decimals: 6 });
  const none = await process_({ action: "getBalance", address: OWN, tokenAddress: FRIEND });
  assert.equal(none.status, 422);
});

test("tokens are sent and approved, and only to whom the list has", async () => {
  const amount = `${ETHER / 100n}`;
  const send = { action: "transferToken", tokenAddress: token, to: FRIEND, amount };
  await refused({ ...send, to: THIEF }, 403, "FORBIDDEN");
  // As data it is the same payment.
  const data = await chain.data("transfer(address,uint256)", [THIEF, ETHER]);
  await refused(pay({ to: token, value: "0", data }), 403, "FORBIDDEN");
  await done(send);
  assert.equal(await chain.held(token, FRIEND), ETHER / 100n);
  // One that returns nothing, as USDT; a dollar is a dollar.
  const dollars = { ...send, tokenAddress: DOLLAR, amount: "1500000000" };
  assert.equal((await refused(dollars, 409, "CONFIRMATION_REQUIRED")).valueUsd, "1500");
  await done({ ...dollars, amount: "1000000" });
  assert.equal(await chain.held(DOLLAR, FRIEND), 1_000_000n);

  const approve = { action: "approve", tokenAddress: token, spender: FRIEND, amount: "7" };
  await refused({ ...approve, spender: THIEF }, 403, "FORBIDDEN");
  await refused({ ...approve, amount: `${2n ** 256n - 1n}` }, 403, "FORBIDDEN");
  await done(approve);
  const asked = `/allowance?chain=ethereum&tokenAddress=${token}&spender=${FRIEND}`;
  assert.deepEqual((await call("GET", asked)).body.result, { allowance: "7" });
  await world.configure({ security: { whitelistedContracts: [FRIEND] } });
  await refused(send, 403, "FORBIDDEN");
});

test("an approval is taken back first where the token asks for it", async () => {
  // What may be taken counts as what is paid, and this token has no price; but the router takes nothing
  // that is not asked for as a swap.
  const exposed = { action: "approve", tokenAddress: zeroFirst, spender: FRIEND, amount: "5" };
  await refused(exposed, 403, "PRICE_UNAVAILABLE");
  const approve = { action: "approve", tokenAddress: zeroFirst, spender: ROUTER };
  const from = await chain.count();
  await done({ ...approve, amount: "5" });
  await done({ ...approve, amount: "7" });
  assert.equal(await chain.count(), from + 3);
  assert.equal(await chain.allowed(zeroFirst, ROUTER), 7n);
});

test("a token that is paused is noticed before anything is signed", async () => {
  await chain.call(token, "pause()", []);
  const send = { action: "transferToken", tokenAddress: token, to: FRIEND, amount: "100000000000" };
  const error = await refused(send, 422, "TRANSACTION_REJECTED");
  assert.match(error.message, /paused/);
  await chain.call(token, "unpause()", []);
  await done(send);
});

test("coins are wrapped and unwrapped", async () => {
  await done({ action: "wrap", amount: "1000" });
  assert.equal(await chain.held(WRAPPED, OWN), 1000n);
  await done({ action: "unwrap", amount: "400" });
  assert.equal(await chain.held(WRAPPED, OWN), 600n);
});

test("swaps in every direction, exactly in and exactly out, keep their bounds", async () => {
  const amount = ETHER / 10n;
  const gasLimit = 400_000;
  const swap = (fields) => ({ action: "swap", gasLimit, ...fields });
  const quote = async (fields) => {
    const { body, text } = await process_({ action: "getQuote", ...fields });
    assert.ok(body.success, text);
    return body.result;
  };
  const held = () => chain.held(token, OWN);

  const buy = { tokenIn: COIN, tokenOut: token, amountIn: `${amount}` };
  const { amountOut } = await quote(buy);
  let before = await held();
  await done(swap(buy));
  assert.equal((await held()) - before, BigInt(amountOut));

  const exactly = { tokenIn: COIN, tokenOut: token, amountOut: `${amount}` };
  assert.ok(BigInt((await quote(exactly)).amountIn) > amount);
  before = await held();
  await done(swap(exactly));
  assert.equal((await held()) - before, amount);

  // Tokens for coins: the router is approved for exactly that, and takes all of it.
  before = await held();
  await done(swap({ tokenIn: token, tokenOut: COIN, amountIn: `${amount}` }));
  assert.equal(before - (await held()), amount);
  assert.equal(await chain.allowed(token, ROUTER), 0n);

  // Within 5 % of the quote, as any bound.
  const most = (104n * amount) / 100n;
  const sell = { tokenIn: token, tokenOut: COIN, amountOut: `${amount}`, maxAmountIn: `${most}` };
  before = await held();
  await done(swap(sell));
  assert.ok(before - (await held()) < most);

  // A bound that does not hold is noticed; so is a stranger as recipient.
  const dear = { ...buy, minAmountOut: `${amount * 2n}` };
  const error = await refused(swap(dear), 422, "TRANSACTION_REJECTED");
  assert.match(error.message, /INSUFFICIENT_OUTPUT_AMOUNT/);
  await refused(swap({ ...buy, recipient: THIEF }), 403, "FORBIDDEN");
  await refused(swap({ ...buy, deadline: 1 }), 400, "VALIDATION_ERROR");
  await refused(swap({ ...buy, tokenOut: DOLLAR }), 422, "TRANSACTION_REJECTED");
  await world.configure({ security: { whitelistedContracts: [FRIEND] } });
  await refused(swap(buy), 403, "FORBIDDEN");
});

test("what has no price is not sent", async () => {
  const send = { action: "transferToken", tokenAddress: zeroFirst, to: FRIEND, amount: "1" };
  await refused(send, 403, "PRICE_UNAVAILABLE");
});

test("a rehearsal tells what it would cost, and signs nothing", async () => {
  const from = await chain.count();
  const { status, body } = await process_(pay({ value: "2", dryRun: true }));
  assert.deepEqual([status, body.result.dryRun], [200, true], JSON.stringify(body));
  assert.ok(body.result.gasLimit >= 21000 && Number(body.result.valueUsd) > 1000);
  await refused(pay({ to: THIEF, dryRun: true }), 403, "FORBIDDEN");
  // For every request, if the configuration says so.
  await world.configure({ security: { dryRun: true } });
  assert.equal((await process_(pay())).body.result.dryRun, true);
  assert.equal(await chain.count(), from);
  const { body: status_ } = await call("GET", "/status");
  assert.equal(status_.result.security.dryRun, true);
});
