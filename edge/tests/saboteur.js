// Stands before a worker, in its isolate, and lies to it: the build behind it is the one that is
// deployed. What it does is told by a test (sabotage.mjs):
// - `panic`: the next time that the build reads bytes with this text in them, it is told that there are
//   more than a memory holds; its own check of that panics.
// - `trap`: the same bytes end the instance without a panic.
// - `looks`: only when it looks at their length for the so-manieth time; by default the first.
// - `breaks`: `{ on: "BINDING.method", how, times, with }`; calls of a binding, or of an object behind
//   one (`BINDING.fetch`, to addresses with `with` in them), fail: before they are made, or with `how`
//   "late" once they have had their effect.
// - `ahead`: how many milliseconds later it is than it is.
import * as built from "./index.js";
import { WorkerEntrypoint } from "cloudflare:workers";
export * from "./index.js";
export { default } from "./index.js";

let plan = {};
let hits = 0;
const array = Object.getPrototypeOf(Uint8Array.prototype);
const { get } = Object.getOwnPropertyDescriptor(array, "length");
Object.defineProperty(array, "length", {
  configurable: true,
  get() {
    const length = get.call(this);
    const text = plan.panic ?? plan.trap;
    if (text && length < 65_536 && new TextDecoder().decode(this).includes(text)) {
      plan.looks = (plan.looks ?? 1) - 1;
      if (plan.looks > 0) return length;
      const { trap } = plan;
      plan = { ...plan, panic: undefined, trap: undefined, looks: undefined };
      hits += 1;
      if (trap) throw new WebAssembly.RuntimeError("unreachable");
      return 2 ** 32 - 1;
    }
    return length;
  },
});
const { now } = Date;
globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length > 0 ? given : [Date.now()]));
  }

  static now() {
    return now() + (plan.ahead ?? 0);
  }
};

async function call(on, at, go) {
  const broken = plan.breaks?.find((it) => it.on === on && it.times !== 0 && at.includes(it.with ?? ""));
  if (!broken) return go();
  broken.times = (broken.times ?? 1) - 1;
  hits += 1;
  if (broken.how === "late") await go();
  throw new Error("D1_ERROR: postgres://user:pw@10.0.0.1 at secret.js:1");
}

function patch(object, method, replacement) {
  if (!(object && method in object) || Object.hasOwn(object, method)) return;
  const real = object[method].bind(object);
  Object.defineProperty(object, method, { configurable: true, value: replacement(real) });
}

export function open(env) {
  for (const [name, binding] of Object.entries(env)) {
    if (typeof binding !== "object") continue;
    for (const method of ["get", "put", "send", "batch", "fetch"]) {
      if (method === "get" && "idFromName" in binding) continue;
      const at = (first) => String(first?.url ?? first ?? "");
      patch(binding, method, (real) => (...args) => call(name + "." + method, at(args[0]), () => real(...args)));
    }
    for (const method of ["get", "getByName"]) {
      if (!("idFromName" in binding)) continue;
      patch(binding, method, (real) => (...args) => {
        const stub = real(...args);
        patch(stub, "fetch", (real) => (...args) => {
          return call(name + ".fetch", String(args[0]?.url ?? args[0]), () => real(...args));
        });
        return stub;
      });
    }
  }
}

export class Saboteur extends WorkerEntrypoint {
  async fetch(request) {
    open(this.env);
    const { object, ...asked } = await request.json();
    if (object) {
      const stub = this.env.IDEMPOTENCY_STORE.getByName(object);
      return stub.fetch("https://saboteur/", { method: "POST", body: JSON.stringify(asked) });
    }
    plan = { ...plan, ...asked };
    const response = Response.json({ hits });
    hits = 0;
    return response;
  }
}
