// Everything on this machine: `npm run dev` builds the workers, starts them on workerd with bindings
// kept in .dev/, over a simulated exchange, and tells how to send the first signal. Ctrl-C ends it.
//
// `npm run dev -- --no-build` starts what is built already; `--port N` is where the gateway listens.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.mjs";
import { PASSKEY, start, startVenue } from "./tests/world.mjs";
import { migrateWallet, walletWorker } from "./tests/chain.mjs";

const edge = dirname(fileURLToPath(import.meta.url));
const given = (name) => process.argv.includes(`--${name}`);
const port = given("port") ? Number(process.argv[process.argv.indexOf("--port") + 1]) : 8787;

if (!given("no-build")) {
  const cargo = spawnSync("cargo", ["build", "--locked", "--bin", "hoox"], { cwd: edge, stdio: "inherit" });
  if (cargo.status !== 0) process.exit(cargo.status ?? 1);
  build();
}

const venue = await startVenue();
const world = await start(venue, {
  port,
  divisor: "1",
  directory: join(edge, ".dev"),
  // The wallet's node is where `anvil` listens, if it runs.
  extra: [walletWorker(process.env.RPC_PROVIDER_URL ?? "http://127.0.0.1:8545", venue)],
  change: ({ trade }) => {
    trade.serviceBindings = { ...trade.serviceBindings, WALLET_SERVICE: "web3-wallet-worker" };
  },
});
await migrateWallet(world.miniflare);

const signal = { apiKey: PASSKEY, exchange: "binance", action: "LONG", symbol: "BTCUSDT", quantity: 0.01 };
console.log(`
gateway    ${world.url}
exchanges  ${venue.control}  (simulated: faults and state)
state      ${world.directory}

curl ${world.url}/webhook -H 'content-type: application/json' -d '${JSON.stringify(signal)}'

The same signal within a minute is a duplicate; with "idempotencyKey" that is told by the key.
Ctrl-C ends it.`);

const end = async () => {
  await world.stop({ keep: true });
  await venue.stop();
  process.exit();
};
process.on("SIGINT", end);
process.on("SIGTERM", end);
