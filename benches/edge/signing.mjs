// Encoding and signing orders inside workerd, timed from outside.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "../../edge/node_modules/miniflare/dist/src/index.js";

const here = dirname(fileURLToPath(import.meta.url));

/** How many orders are signed in one request. */
const COUNT = 100_000;

/** Microseconds that an order takes at each venue: the median of some requests. */
export async function signing(rounds = 5) {
  const built = (name) => join(here, "build", name);
  const part = (type, path) => ({ type, path, contents: readFileSync(path) });
  const miniflare = new Miniflare({
    compatibilityDate: "2026-04-01",
    modules: [part("ESModule", built("index.js")), part("CompiledWasm", built("index_bg.wasm"))],
  });
  const time = async (venue, count) => {
    const started = performance.now();
    const response = await miniflare.dispatchFetch(`http://bench/${venue}/${count}`);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${venue}, ${count}: ${text}`);
    if (Number(text) !== count * 64) throw new Error(`${text} bytes of signatures for ${count}`);
    return performance.now() - started;
  };
  const median = async (work) => {
    const figures = [];
    for (let round = 0; round < rounds; round += 1) figures.push(await work());
    return figures.sort((a, b) => a - b)[Math.floor(rounds / 2)];
  };
  try {
    const figures = {};
    for (const venue of ["binance", "bybit", "mexc"]) {
      await time(venue, COUNT);
      const empty = await median(() => time(venue, 0));
      const all = await median(() => time(venue, COUNT));
      figures[venue] = ((all - empty) * 1_000) / COUNT;
    }
    return figures;
  } finally {
    await miniflare.dispose();
  }
}
