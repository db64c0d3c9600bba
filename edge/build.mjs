// Builds workers for workerd: `node build.mjs [gateway] [trade] …`, all of them without a name.
//
// The tools are the pinned ones: worker-build and wasm-bindgen from `cargo xtask setup`, esbuild and
// wasm-opt from package.json. Nothing is fetched.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const edge = dirname(fileURLToPath(import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(edge, "..", "target");
const tool = (name) => {
  const pinned = join(target, "tools", "bin", name);
  return existsSync(pinned) ? pinned : name;
};
const script = (name) => join(edge, "node_modules", ".bin", name);

export const WORKERS = ["gateway", "trade", "wallet"];

export function build(names = WORKERS) {
  const env = {
    ...process.env,
    WASM_BINDGEN_BIN: tool("wasm-bindgen"),
    ESBUILD_BIN: script("esbuild"),
    WASM_OPT_BIN: script("wasm-opt"),
  };
  for (const name of names) {
    const built = spawnSync(tool("worker-build"), ["--profile", "worker"], {
      cwd: join(edge, name),
      env,
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (built.status !== 0) {
      throw new Error(`${name} does not build: ${built.error?.message ?? `status ${built.status}`}`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  build(names.length > 0 ? names : WORKERS);
}
