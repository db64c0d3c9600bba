// What the platform itself takes, in miniflare: two workers of a few lines with the hops, bindings and
// writes of an order, and nothing in them.
import { Miniflare } from "../../edge/node_modules/miniflare/dist/src/index.js";
import { load } from "./load.mjs";

const gateway = `
  let read = 0;
  export class Counter {
    constructor(state) { this.sql = state.storage.sql; this.n = 0;
      this.sql.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER)"); }
    async fetch(request) {
      this.n += 1;
      setTimeout(() => this.sql.exec("INSERT OR REPLACE INTO t VALUES (1, ?)", this.n), 0);
      return new Response(null, { status: 204 });
    }
  }
  export default {
    async fetch(request, env) {
      const body = await request.text();
      const { key } = JSON.parse(body);
      if (Date.now() - read > 1000) { read = Date.now(); await env.CONFIG_KV.get(["a", "b"]); }
      const object = env.OBJECTS.getByName("object-" + (Number(key) % 16));
      const ask = (stub, path, body) => stub.fetch("https://x" + path, { method: "POST", body });
      await Promise.all([ask(env.COUNTER.getByName("one"), "/", "1"), ask(object, "/reserve", body)]);
      return ask(env.TRADE, "/webhook", body);
    },
  };`;

const trade = (venue) => `
  const RECORD = "x".repeat(1500);
  export class Objects {
    constructor(state, env) {
      Object.assign(this, { state, env, sql: state.storage.sql, waiting: [], gathers: false });
      this.sql.exec("CREATE TABLE IF NOT EXISTS t (id TEXT PRIMARY KEY, json TEXT)");
    }
    async fetch(request) {
      const body = await request.text();
      if (new URL(request.url).pathname === "/reserve") return new Response(null, { status: 204 });
      const { key } = JSON.parse(body);
      // The intent, the order, the outcome.
      this.sql.exec("INSERT INTO t VALUES (?, ?)", key, RECORD);
      await (await fetch("${venue}/fapi/v1/time")).text();
      this.sql.exec("INSERT OR REPLACE INTO t VALUES (?, ?)", key, RECORD);
      this.waiting.push(key);
      if (!this.gathers) { this.gathers = true; this.state.waitUntil(this.gather()); }
      return Response.json({ success: true, key });
    }
    async gather() {
      await new Promise((done) => setTimeout(done, 1000));
      this.gathers = false;
      const keys = this.waiting.splice(0);
      if (this.env.DB) {
        const sql = "INSERT INTO t SELECT value, ?2 FROM json_each(?1)";
        await this.env.DB.batch([this.env.DB.prepare(sql).bind(JSON.stringify(keys), RECORD)]);
      }
      if (!this.env.LOGS) return;
      const line = async () => { for (let key; (key = keys.pop()); ) await this.env.LOGS.put(key, RECORD); };
      await Promise.all([line(), line(), line(), line()]);
    }
  }
  export default {
    fetch: async (request, env) => {
      const body = await request.text();
      const object = env.OBJECTS.getByName("object-" + (Number(JSON.parse(body).key) % 16));
      return object.fetch("https://x/order", { method: "POST", body });
    },
  };`;

/** Milliseconds of an order's hops alone, the first ones after a start too; with `ledger`, one D1 batch a second and one R2 object an order. */
export async function floor(venue, { count, ledger }) {
  const common = { compatibilityDate: "2026-04-01", modules: true, stripCfConnectingIp: false };
  const objects = { className: "Objects", useSQLite: true };
  const miniflare = new Miniflare({
    workers: [
      {
        ...common,
        name: "gateway",
        script: gateway,
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        kvNamespaces: ["CONFIG_KV"],
        durableObjects: {
          COUNTER: { className: "Counter", useSQLite: true },
          OBJECTS: { ...objects, scriptName: "trade" },
        },
        serviceBindings: { TRADE: "trade" },
      },
      {
        ...common,
        name: "trade",
        script: trade(venue),
        durableObjects: { OBJECTS: objects },
        ...(ledger ? { d1Databases: ["DB"], r2Buckets: ["LOGS"] } : {}),
      },
    ],
  });
  try {
    await miniflare.ready;
    if (ledger) {
      const database = await miniflare.getD1Database("DB", "trade");
      await database.prepare("CREATE TABLE t (id TEXT PRIMARY KEY, json TEXT)").run();
    }
    const url = String(await miniflare.unsafeGetDirectURL("gateway"));
    let key = 0;
    const body = () => JSON.stringify({ key: String((key += 1)) });
    const { p50: first } = await load(url, { count: 1, connections: 1, body });
    await load(url, { count: 100, connections: 4, body });
    const sequential = await load(url, { count, connections: 1, body });
    const parallel = await load(url, { count: count * 2, connections: 16, body });
    return { first, sequential, parallel };
  } finally {
    await miniflare.dispose();
  }
}
