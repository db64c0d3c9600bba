// The load client: the same for every run, and as little of the machine as Node allows.
import { Agent, request } from "node:http";

/**
 * Sends `count` posts over `connections` kept connections, each as soon as the one before it on its
 * connection is answered. `body` makes the text of the nth. Milliseconds.
 */
export async function load(url, { count, connections, body, expect = 200 }) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, noDelay: true });
  const took = new Float64Array(count);
  let next = 0;
  const line = async () => {
    for (let n = next++; n < count; n = next++) {
      const text = body(n);
      const sent = performance.now();
      const { status, answer } = await post(url, agent, text);
      took[n] = performance.now() - sent;
      if (status !== expect) throw new Error(`${n} was answered with ${status}: ${answer}`);
    }
  };
  const started = performance.now();
  try {
    await Promise.all(Array.from({ length: connections }, line));
  } finally {
    agent.destroy();
  }
  const all = performance.now() - started;
  return { ...percentiles(took), perSecond: (count / all) * 1_000 };
}

const post = (url, agent, text) =>
  new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (answer += chunk));
      response.on("end", () => resolve({ status: response.statusCode, answer }));
      response.on("error", reject);
    });
    sent.on("error", reject).end(text);
  });

/** p50, p90, p99 and the largest of some figures. */
export function percentiles(figures) {
  const sorted = Float64Array.from(figures).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted[sorted.length - 1] };
}
