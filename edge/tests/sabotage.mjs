// Breaks a worker from within (saboteur.js).
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** What of a broken binding's words no answer may repeat. */
export const INSIDE = /D1_ERROR|postgres|10\.0\.0\.1|secret\.js/;

/** Puts the saboteur before a worker; with `objects`, before the trade engine's objects as well. */
export function sabotaged(options, { objects = false } = {}) {
  const names = objects ? ["saboteur_of_objects.js", "saboteur.js"] : ["saboteur.js"];
  const modules = names.map((name) => ({
    type: "ESModule",
    path: join(dirname(options.modules[0].path), name),
    contents: readFileSync(join(here, name)),
  }));
  options.modules = [...modules, ...options.modules];
}

/** The worker through which a test reaches the saboteur before the worker `name`. */
export const hand = (name) => ({
  name: "hand",
  compatibilityDate: "2026-04-01",
  modules: true,
  serviceBindings: { SABOTEUR: { name, entrypoint: "Saboteur" } },
  script: "export default { fetch: (request, env) => env.SABOTEUR.fetch(request) }",
});

/** Says what goes wrong from now on; tells how often it has since the last time. */
export async function sabotage(world, plan) {
  const fetcher = await world.miniflare.getWorker("hand");
  const response = await fetcher.fetch("http://hand/", { method: "POST", body: JSON.stringify(plan) });
  return response.json();
}
