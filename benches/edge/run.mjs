// What a webhook costs on workerd: `node benches/edge/run.mjs [--count N] [--json]`.
//
// Gateway and trade engine as they are deployed, in direct mode, with the rate limit counted, over
// `hoox venue` on loopback. Build first: `cargo build --release --bin hoox`, `node edge/build.mjs gateway trade ../benches/edge`.
import { signal, start, startVenue } from "../../edge/tests/world.mjs";
import { floor } from "./floor.mjs";
import { load } from "./load.mjs";
import { signing } from "./signing.mjs";
import { STEPS, measureSteps, probe } from "./steps.mjs";

const argument = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const COUNT = argument("count", 1_000);
const WARM_UP = 100;

const body = () => JSON.stringify(signal());

async function world(venue) {
  const started = await start(venue, {
    extra: [probe(venue)],
    // Straight to the gateway and to the exchange, as on the edge, and not through miniflare's own
    // workers before and behind ours.
    change: ({ gateway, trade }) => {
      gateway.unsafeDirectSockets = [{ host: "127.0.0.1", port: 0 }];
      trade.stripCfConnectingIp = false;
    },
  });
  await started.set("webhooks:queue_mode", "direct_only");
  await started.set("webhook:rate_limit_per_minute", "1000000");
  const direct = await started.miniflare.unsafeGetDirectURL("hoox");
  return { ...started, webhook: String(new URL("/webhook", direct)) };
}

/** The first request after a start, beside the same request once everything is warm. */
async function first(venue) {
  const { webhook, stop } = await world(venue);
  try {
    const cold = await load(webhook, { count: 1, connections: 1, body });
    const warm = await load(webhook, { count: 100, connections: 1, body });
    return { cold: cold.p50, warm: warm.p50 };
  } finally {
    await stop();
  }
}

const venue = await startVenue("--unlimited");
try {
  const figures = { first: await first(venue) };
  const here = await world(venue);
  try {
    await load(here.webhook, { count: WARM_UP, connections: 4, body });
    figures.sequential = await load(here.webhook, { count: COUNT, connections: 1, body });
    figures.parallel = await load(here.webhook, { count: COUNT * 2, connections: 16, body });
    figures.steps = await measureSteps(here.miniflare, 300);
  } finally {
    await here.stop();
  }
  figures.floor = await floor(venue.binance.rest, { count: COUNT, ledger: true });
  figures.bare = await floor(venue.binance.rest, { count: COUNT, ledger: false });
  figures.signing = await signing();
  if (process.argv.includes("--json")) console.log(JSON.stringify(figures));
  else show(figures);
} finally {
  await venue.stop();
}

function show({ first, sequential, parallel, floor, bare, steps, signing }) {
  const ms = (figure) => figure.toFixed(2).padStart(8);
  console.log("webhook to acknowledged fill, ms      p50      p90      p99   a second");
  const runs = {
    "one at a time": sequential,
    "16 at a time": parallel,
    "empty workers, one at a time": floor.sequential,
    "empty workers, 16 at a time": floor.parallel,
    "the same without D1 and R2": bare.sequential,
    "the same, 16 at a time": bare.parallel,
  };
  for (const [name, it] of Object.entries(runs)) {
    const { p50, p90, p99, perSecond } = it;
    console.log(name.padEnd(30), ms(p50), ms(p90), ms(p99), perSecond.toFixed(0).padStart(8));
  }
  console.log(`first request after a start: ${ms(first.cold)} ms, warm ${ms(first.warm)} ms`);
  console.log(`the same of empty workers: ${ms(floor.first)} ms`);
  for (const [step, told] of Object.entries(STEPS)) console.log(ms(steps[step]), "ms ", told);
  for (const [venue, micros] of Object.entries(signing)) {
    console.log(`${micros.toFixed(2).padStart(8)} µs  an order encoded and signed in wasm, ${venue}`);
  }
}
