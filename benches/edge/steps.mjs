// What each step of an order costs by itself: a worker with the same bindings repeats it.
import { INTERNAL_KEY } from "../../edge/tests/world.mjs";

/** The worker: `/{step}?n=…` repeats a step n times, one after the other. */
export const probe = (venue) => ({
  name: "probe",
  compatibilityDate: "2026-04-01",
  modules: true,
  script: `
    const KEYS = Array.from({ length: 24 }, (_, n) => "webhooks:key-" + n);
    const internal = { "x-internal-auth-key": ${JSON.stringify(INTERNAL_KEY)} };
    const steps = {
      nothing: async () => {},
      kv: (env) => env.CONFIG_KV.get(KEYS),
      object: async (env, n) => {
        const stub = env.IDEMPOTENCY_STORE.getByName("idemp-shard-" + (n % 16));
        const body = JSON.stringify({
          key: "probe-" + crypto.randomUUID(), requestId: crypto.randomUUID(), now: Date.now(),
        });
        const response = await stub.fetch("https://object/reserve", { method: "POST", body });
        if (!response.ok) throw new Error(await response.text());
        await response.text();
      },
      service: async (env) => {
        const init = { method: "POST", headers: internal, body: "{}" };
        await (await env.TRADE_SERVICE.fetch("https://trade/order", init)).text();
      },
      venue: async () => await (await fetch(${JSON.stringify(`${venue.binance.rest}/fapi/v1/time`)})).text(),
      d1: (env) => env.DB.batch([
        env.DB.prepare("INSERT INTO dead_letters (id, body, reason, at) VALUES (?, '', '', 0)")
          .bind(crypto.randomUUID()),
      ]),
      r2: (env, n) => env.SYSTEM_LOGS_BUCKET.put("probe/" + n, "x".repeat(2000)),
    };
    export default {
      async fetch(request, env) {
        const url = new URL(request.url);
        const n = Number(url.searchParams.get("n"));
        for (let i = 0; i < n; i += 1) await steps[url.pathname.slice(1)](env, i);
        return new Response("done");
      },
    };`,
  kvNamespaces: { CONFIG_KV: "config" },
  durableObjects: {
    IDEMPOTENCY_STORE: { className: "IdempotencyStore", scriptName: "trade-worker", useSQLite: true },
  },
  serviceBindings: { TRADE_SERVICE: "trade-worker" },
  d1Databases: { DB: "trade-data-db" },
  r2Buckets: { SYSTEM_LOGS_BUCKET: "hoox-system-logs" },
});

/** What is measured, and what it stands for. */
export const STEPS = {
  kv: "configuration: 24 keys of CONFIG_KV in one bulk read",
  object: "a Durable Object asked for a key (and what it takes to write nothing down)",
  service: "a service binding, and back",
  venue: "the exchange's time over fetch",
  d1: "D1: one row in one batch",
  r2: "R2: one object of 2 kB",
};

/** Milliseconds that each step takes, on average of `n`. */
export async function measureSteps(miniflare, n) {
  const fetcher = await miniflare.getWorker("probe");
  const time = async (step, count) => {
    const started = performance.now();
    const response = await fetcher.fetch(`http://probe/${step}?n=${count}`);
    const text = await response.text();
    if (text !== "done") throw new Error(`${step}: ${text}`);
    return performance.now() - started;
  };
  const figures = {};
  for (const step of Object.keys(STEPS)) {
    await time(step, 20);
    const empty = await time("nothing", 1);
    figures[step] = Math.max(0, (await time(step, n)) - empty) / n;
  }
  return figures;
}
