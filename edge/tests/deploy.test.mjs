// What is deployed: `wrangler deploy --dry-run` of each worker, as built, and the guide that leads there.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

const edge = join(dirname(fileURLToPath(import.meta.url)), "..");
const guide = readFileSync(join(edge, "..", "docs", "workers.md"), "utf8");
const text = (folder) => readFileSync(join(edge, folder, "wrangler.jsonc"), "utf8");
const config = (folder) => JSON.parse(text(folder).replace(/^\s*\/\/.*$|\s\/\/\s.*$/gm, ""));
/** What wrangler writes; it has to succeed. */
const wrangler = async (folder, ...args) => {
  const script = join(edge, "node_modules", "wrangler", "bin", "wrangler.js");
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "1" };
  const { stdout } = await run(process.execPath, [script, ...args], { cwd: join(edge, folder), env });
  return stdout;
};

for (const folder of ["gateway", "trade", "wallet"]) {
  describe(folder, () => {
    test("`wrangler deploy --dry-run` passes", async () => {
      // Without its build: what is deployed is what has just been built and tested.
      const { build: _, ...rest } = config(folder);
      const name = `dry-run-${process.pid}.json`;
      const path = join(edge, folder, name);
      writeFileSync(path, JSON.stringify(rest));
      try {
        const stdout = await wrangler(folder, "deploy", "--dry-run", "--config", name);
        for (const { binding } of rest.services ?? []) assert.ok(stdout.includes(binding), stdout);
      } finally {
        rmSync(path);
      }
    });

    test("it is placed, observed, and private unless it is the gateway", () => {
      const it = config(folder);
      assert.deepEqual(it.placement, { mode: "smart" });
      assert.equal(it.observability.enabled, true);
      assert.equal(it.workers_dev ?? true, folder === "gateway");
      assert.ok(it.migrations.every(({ new_sqlite_classes: classes }) => classes.length > 0));
      // No secret has a value anywhere.
      assert.doesNotMatch(JSON.stringify(it.vars ?? {}), /KEY|SECRET|TOKEN|MNEMONIC/i);
    });
  });
}

test("queues: dead letters, and retries that fit the schedule", () => {
  const { consumers } = config("trade").queues;
  const consumer = consumers.find(({ queue }) => queue === "trade-execution");
  assert.equal(consumer.dead_letter_queue, "trade-execution-dlq");
  // 30, 60, 300, 900 and 1800 seconds (trade.md §9).
  assert.ok(consumer.max_retries >= 5);
  assert.ok(consumers.some(({ queue }) => queue === "trade-execution-dlq"));
});

test("whoever is bound is deployed before, in the guide as well", () => {
  const deployed = ["gateway", "trade", "wallet"].map((folder) => {
    const at = guide.search(new RegExp(`cd (\\.\\./)?${folder}\\n[^\\x60]*?npx wrangler deploy`));
    assert.ok(at >= 0, folder);
    return { name: config(folder).name, at, needs: (config(folder).services ?? []).map((it) => it.service) };
  });
  for (const { name, at, needs } of deployed) {
    for (const need of needs) {
      const before = deployed.find((it) => it.name === need);
      assert.ok(before && before.at < at, `${name} needs ${need}`);
    }
  }
});

describe("the guide", () => {
  const blocks = [...guide.matchAll(/```sh\n([^`]*)```/g)].map(([, block]) => block);
  const lines = blocks.flatMap((block) => block.replace(/\\\n/g, "").split("\n"));
  const commands = lines.map((line) => line.replace(/\s+#.*$/, "").trim());

  test("every command of wrangler in it exists, and takes what it is given", async () => {
    const asked = new Map();
    for (const command of commands.filter((it) => it.startsWith("npx wrangler "))) {
      const words = command.split(/\s+/).slice(2);
      const path = words.slice(0, words.findIndex((word) => !/^[a-z][a-z0-9]*$/.test(word)) >>> 0);
      const depth = { deploy: 1, login: 1, secret: 2, r2: 3, queues: 2, kv: 3 }[path[0]] ?? (path[1] === "migrations" ? 3 : 2);
      const name = path.slice(0, depth).join(" ");
      asked.set(name, [...(asked.get(name) ?? []), ...words.filter((word) => word.startsWith("--"))]);
    }
    assert.ok(asked.size >= 8, [...asked.keys()].join(", "));
    const helps = [...asked].map(async ([name, options]) => {
      const stdout = await wrangler(".", ...name.split(" "), "--help");
      assert.ok(stdout.includes(`wrangler ${name}`), `${name}: ${stdout}`);
      for (const option of options) assert.ok(stdout.includes(option), `${name} has no ${option}`);
    });
    await Promise.all(helps);
  });

  test("what it says is created is what the workers are bound to", () => {
    for (const folder of ["gateway", "trade", "wallet"]) {
      const it = config(folder);
      const made = (command) => assert.ok(commands.some((line) => line.startsWith(`npx wrangler ${command}`)), command);
      for (const { binding } of it.kv_namespaces) made(`kv namespace create ${binding}`);
      for (const { database_name: name } of it.d1_databases ?? []) {
        made(`d1 create ${name}`);
        made(`d1 migrations apply ${name}`);
        assert.ok(existsSync(join(edge, folder, "migrations", "0001_ledger.sql")) || folder === "wallet");
      }
      for (const { bucket_name: name } of it.r2_buckets ?? []) made(`r2 bucket create ${name}`);
      for (const { queue } of [...(it.queues?.producers ?? []), ...(it.queues?.consumers ?? [])]) {
        made(`queues create ${queue}`);
      }
    }
    for (const script of commands.filter((it) => it.includes("npm run "))) {
      const { scripts } = JSON.parse(readFileSync(join(edge, "package.json"), "utf8"));
      assert.ok(scripts[script.match(/npm run ([a-z]+)/)[1]]);
    }
  });
});
