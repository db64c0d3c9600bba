// A chain of one's own: anvil as Ethereum, with contracts that other people wrote where they are there.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { INTERNAL_KEY, stand_in, worker } from "./world.mjs";

const edge = join(dirname(fileURLToPath(import.meta.url)), "..");
const packages = join(edge, "..", "wallet", "chain", "node_modules");

export const WORDS = `${"abandon ".repeat(11)}about`;
export const OWN = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94";
export const COIN = `0x${"0".repeat(40)}`;
export const ETHER = 10n ** 18n;

/** What the wallet's table has for Ethereum (wallet.md §2), and its first dollar token (§8). */
export const WRAPPED = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2";
export const ROUTER = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D";
export const DOLLAR = "0xdAC17F958D2ee523a2206206994597C13D831ec7";

/** A deadline that no test reaches. */
const LATE = 4_000_000_000n;

const word = (value) => BigInt(value).toString(16).padStart(64, "0");

/** Words and texts as a call's parameters. */
function encode(values) {
  let tail = "";
  const head = values.map((value) => {
    if (typeof value !== "string" || value.startsWith("0x")) return word(value);
    const at = word(values.length * 32 + tail.length / 2);
    const hex = Buffer.from(value).toString("hex");
    tail += word(value.length) + hex.padEnd(Math.ceil(hex.length / 64) * 64, "0");
    return at;
  });
  return head.join("") + tail;
}

/** The code in a compiler's output: of truffle, solc or typechain. */
function bytecode(path) {
  const text = readFileSync(join(packages, path), "utf8");
  if (path.endsWith(".js")) return text.match(/_bytecode = "(0x[0-9a-f]+)"/)[1];
  const json = JSON.parse(text);
  const code = json.bytecode ?? json.evm?.bytecode?.object ?? json.compilerOutput.evm.bytecode.object;
  return code.startsWith("0x") ? code : `0x${code}`;
}

/** Anvil on a free port, with a fortune for the wallet; further arguments are handed on. */
export async function startChain(...args) {
  const platform = { x64: "linux-amd64", arm64: "linux-arm64" }[process.arch];
  // Anvil's own binary: its npm wrapper would outlive a kill.
  const path = join(packages, `@foundry-rs/anvil-${platform}/bin/anvil`);
  const options = { stdio: ["ignore", "pipe", "ignore"] };
  const child = spawn(path, ["--port", "0", "--chain-id", "1", ...args], options);
  let url;
  for await (const line of createInterface({ input: child.stdout })) {
    const found = line.match(/^Listening on (.*)$/);
    if (found) {
      url = `http://${found[1].trim()}`;
      break;
    }
  }
  child.stdout.resume();
  const ask = async (method, ...params) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = { "content-type": "application/json" };
    const answer = await (await fetch(url, { method: "POST", headers, body })).json();
    if (answer.error) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
    return answer.result;
  };
  const [maker] = (await ask("eth_accounts")).slice(-1);
  await ask("anvil_setBalance", OWN, `0x${(1000n * ETHER).toString(16)}`);
  const selector = async (signature) =>
    (await ask("web3_sha3", `0x${Buffer.from(signature).toString("hex")}`)).slice(0, 10);
  const data = async (signature, values) => (await selector(signature)) + encode(values);
  /** Sends from an account of anvil's. */
  const send = async (to, data, value = 0n) => {
    const transaction = { from: maker, to, data, value: `0x${value.toString(16)}`, gas: "0x1c9c380" };
    const hash = await ask("eth_sendTransaction", transaction);
    for (;;) {
      const receipt = await ask("eth_getTransactionReceipt", hash);
      if (receipt && receipt.status !== "0x1") throw new Error(`reverted: ${data.slice(0, 10)}`);
      if (receipt) return receipt;
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  const chain = {
    url,
    ask,
    maker,
    data,
    balance: async (address) => BigInt(await ask("eth_getBalance", address, "latest")),
    count: async () => Number(await ask("eth_getTransactionCount", OWN, "latest")),
    held: async (token, owner) => {
      const call = { to: token, data: await data("balanceOf(address)", [owner]) };
      return BigInt(await ask("eth_call", call, "latest"));
    },
    allowed: async (token, spender) => {
      const call = { to: token, data: await data("allowance(address,address)", [OWN, spender]) };
      return BigInt(await ask("eth_call", call, "latest"));
    },
    call: async (to, signature, values, coins) => send(to, await data(signature, values), coins),
    deploy: async (path, ...values) =>
      (await send(undefined, bytecode(path) + encode(values))).contractAddress,
    /** Puts a contract elsewhere: its code, and what is in its first slots. */
    async move(from, to) {
      await ask("anvil_setCode", to, await ask("eth_getCode", from, "latest"));
      for (let slot = 0; slot < 16; slot += 1) {
        const at = `0x${word(slot)}`;
        await ask("anvil_setStorageAt", to, at, await ask("eth_getStorageAt", from, at, "latest"));
      }
    },
    async stop() {
      child.kill("SIGKILL");
      if (child.exitCode === null) await once(child, "exit").catch(() => {});
    },
  };
  return chain;
}

/** Uniswap V2, wrapped coins, a plain token with a pool of 100 of each, and a dollar like USDT. */
export async function buildMarket(chain) {
  const wrapped = await chain.deploy("canonical-weth/build/contracts/WETH9.json");
  await chain.move(wrapped, WRAPPED);
  const v2 = "@uniswap/v2-core/build/UniswapV2Factory.json";
  const factory = await chain.deploy(v2, chain.maker);
  const periphery = "@uniswap/v2-periphery/build/UniswapV2Router02.json";
  await chain.move(await chain.deploy(periphery, factory, WRAPPED), ROUTER);
  const plain = "@openzeppelin/contracts/build/contracts/ERC20PresetMinterPauser.json";
  const token = await chain.deploy(plain, "Plain", "PLN");
  for (const owner of [OWN, chain.maker]) {
    await chain.call(token, "mint(address,uint256)", [owner, 200n * ETHER]);
  }
  await chain.call(token, "approve(address,uint256)", [ROUTER, 100n * ETHER]);
  const add = "addLiquidityETH(address,uint256,uint256,uint256,address,uint256)";
  const values = [token, 100n * ETHER, 0, 0, chain.maker, LATE];
  await chain.call(ROUTER, add, values, 100n * ETHER);
  const silent = ".tokens/no-return/lib/generated-artifacts/DummyNoReturnERC20Token.json";
  await chain.move(await chain.deploy(silent, "Silent", "SLT", 6, 0), DOLLAR);
  await chain.call(DOLLAR, "setBalance(address,uint256)", [OWN, 50_000_000_000n]);
  const mocks = "dist/typechain-types/factories/contracts/tests/mocks/SafeERC20Helper.sol";
  const zeroFirst = `.tokens/zero-first/${mocks}/ERC20ThroughZeroApprove__factory.js`;
  return { token, zeroFirst: await chain.deploy(zeroFirst) };
}

/** Stands between the wallet and a node, and does what it is told to the requests that pass. */
export async function startProxy(node) {
  const proxy = {
    url: undefined,
    /** Every method that came by. */
    seen: [],
    /** Nobody answers. */
    isDown: false,
    /** Every answer is one that never ends. */
    floods: false,
    /** How many bytes of one such answer were taken at most. */
    flooded: 0,
    /** Called before a request is handed on: true loses it, a text is what the node refuses it with. */
    before: () => false,
    /** Called after it was handed on: true loses the answer. */
    after: () => false,
    /** Changes an answer to one question. */
    lie: (_method, result) => result,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
  const server = createServer(async (request, response) => {
    try {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      const asked = [JSON.parse(body)].flat();
      const methods = asked.map((it) => it.method);
      const refusal = proxy.isDown || (await proxy.before(methods, asked));
      if (refusal === true) return request.socket.destroy();
      proxy.seen.push(...methods);
      const headers = { "content-type": "application/json" };
      if (proxy.floods) return flood(response, proxy);
      if (refusal) {
        const error = { code: -32000, message: refusal };
        const answer = { jsonrpc: "2.0", id: asked[0].id, error };
        return response.writeHead(200, headers).end(JSON.stringify(answer));
      }
      const answer = await (await fetch(node, { method: "POST", headers, body })).json();
      if (await proxy.after(methods)) return request.socket.destroy();
      for (const one of [answer].flat()) {
        const { method } = asked.find((it) => it.id === one.id) ?? {};
        if ("result" in one) one.result = proxy.lie(method, one.result);
      }
      response.writeHead(200, headers).end(JSON.stringify(answer));
    } catch {
      request.socket.destroy();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  return proxy;
}

/** Answers for as long as somebody reads. */
async function flood(response, proxy) {
  const chunk = Buffer.alloc(64 * 1024, " ");
  response.writeHead(200, { "content-type": "application/json" });
  const gone = once(response, "close");
  for (let sent = 0; !response.destroyed; ) {
    const isRead = response.write(chunk);
    proxy.flooded = Math.max(proxy.flooded, (sent += chunk.length));
    if (!isRead) await Promise.race([once(response, "drain"), gone]);
  }
}

/** The wallet as a worker beside others; a binding that is undefined is not there. */
export const walletWorker = (node, venue, bindings = {}, serviceBindings = {}, older = false) =>
  worker("web3-wallet-worker", "wallet", {
    kvNamespaces: { CONFIG_KV: "config", ...(older && { WALLET_CONFIG_KV: "older" }) },
    durableObjects: { WALLET_STORE: { className: "WalletStore", useSQLite: true } },
    d1Databases: { TRANSACTIONS_DB: "web3-wallet-transactions" },
    serviceBindings,
    bindings: bound({
      INTERNAL_KEY_BINDING: INTERNAL_KEY,
      WALLET_MNEMONIC_SECRET: WORDS,
      RPC_PROVIDER_URL_ETHEREUM: node,
      RPC_PROVIDER_URL_BSC: node,
      PRICE_BASE_URL: venue.binance.rest,
      ...bindings,
    }),
  });

const bound = (bindings) =>
  Object.fromEntries(Object.entries(bindings).filter(([, value]) => value !== undefined));

/** Brings the wallet's ledger up to date, as `wrangler d1 migrations apply` does. */
export async function migrateWallet(miniflare) {
  const database = await miniflare.getD1Database("TRANSACTIONS_DB", "web3-wallet-worker");
  const there = "SELECT 1 FROM sqlite_schema WHERE name = 'wallet_transactions'";
  if (await database.prepare(there).first()) return database;
  const sql = readFileSync(join(edge, "wallet", "migrations", "0001_transactions.sql"), "utf8");
  const statements = sql.replace(/--.*$/gm, "").split(";").map((it) => it.trim());
  await database.batch(statements.filter(Boolean).map((it) => database.prepare(it)));
  return database;
}

/**
 * The wallet alone on workerd; `directory` is where its state is kept, to start there again, `older`
 * what the namespace WALLET_CONFIG_KV of an older installation has, `change` alters the worker, and
 * `extra` are workers beside it.
 */
export async function startWallet(node, venue, options = {}) {
  const { directory, bindings, services, older, change, extra = [] } = options;
  const kept = directory ?? mkdtempSync(join(tmpdir(), "hoox-wallet-"));
  const output = [];
  const wallet = walletWorker(node, venue, bindings, services, older !== undefined);
  change?.(wallet);
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    defaultPersistRoot: kept,
    durableObjectsPersist: join(kept, "do"),
    kvPersist: join(kept, "kv"),
    d1Persist: join(kept, "d1"),
    handleRuntimeStdio: (stdout, stderr) => {
      stdout.on("data", (data) => output.push(String(data)));
      stderr.on("data", (data) => output.push(String(data)));
    },
    workers: [
      stand_in("public", "fetch: () => new Response(null, { status: 404 })"),
      wallet,
      ...extra,
    ],
  });
  await miniflare.ready;
  const database = await migrateWallet(miniflare);
  const kv = await miniflare.getKVNamespace("CONFIG_KV", "web3-wallet-worker");
  if (older) {
    const namespace = await miniflare.getKVNamespace("WALLET_CONFIG_KV", "web3-wallet-worker");
    await namespace.put("wallet:config", older);
  }
  const call = async (method, path, body, key = INTERNAL_KEY, id) => {
    const fetcher = await miniflare.getWorker("web3-wallet-worker");
    const response = await fetcher.fetch(`http://wallet${path}`, {
      method,
      headers: { ...(key && { "x-internal-auth-key": key }), ...(id && { "x-request-id": id }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
  };
  return {
    miniflare,
    directory: kept,
    kv,
    call,
    /** What the worker has written to its log. */
    output: () => output.join(""),
    process: (payload, requestId = crypto.randomUUID()) =>
      call("POST", "/process", { requestId, payload: { chain: "ethereum", ...payload } }),
    configure: async (change) => {
      const { status, text } = await call("PUT", "/config", change);
      if (status !== 200) throw new Error(text);
    },
    rows: async (sql, ...values) =>
      (await database.prepare(sql).bind(...values).all()).results,
    async stop({ keep = false } = {}) {
      await miniflare.dispose();
      if (!keep) rmSync(kept, { recursive: true, force: true });
    },
  };
}

/** What is expected of requests that change something. */
export const asker = (world, chain) => ({
  /** It is in a block, and did what it should. */
  async done(payload, id) {
    const { status, body, text } = await world.process(payload, id);
    assert.deepEqual([status, body.result?.status], [200, "confirmed"], text);
    return body.result;
  },
  /** It is refused with this status and code, and nothing was signed. */
  async refused(payload, status, code) {
    const from = await chain.count();
    const answer = await world.process(payload);
    const told = [answer.status, answer.body.success, answer.body.error?.code];
    assert.deepEqual(told, [status, false, code], answer.text);
    assert.equal(await chain.count(), from, "nothing was signed");
    return answer.body.error;
  },
});
