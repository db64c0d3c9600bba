// What saboteur.js does, for the worker whose objects keep the orders.
import { open } from "./saboteur.js";
import * as built from "./index.js";
export * from "./saboteur.js";
export { default } from "./index.js";

/** The objects of the trade engine: what they keep can be looked at, and their alarm rung. */
export class IdempotencyStore extends built.IdempotencyStore {
  constructor(state, env) {
    super(state, env);
    open(env);
    this.kept = state.storage;
  }

  async fetch(request) {
    if (!request.url.startsWith("https://saboteur/")) return super.fetch(request);
    const { sql, values = [], ring } = await request.json();
    if (ring) {
      await this.kept.deleteAlarm();
      await this.alarm();
    }
    const rows = sql ? [...this.kept.sql.exec(sql, ...values)] : [];
    return Response.json({ rows, bytes: this.kept.sql.databaseSize, alarm: await this.kept.getAlarm() });
  }
}
