// What is under way in the isolate, and hears of it when the instance of the program is lost: a panic or
// a trap ends it in the middle of everything, and nothing that it was doing will ever be finished.
// JavaScript outlives the instance, so it is told here.

const underWay = new Set();
const objects = new Map();
let template;

/** How a request is answered whose instance is lost, with `id` where the request's own belongs. */
export function arm(id, body, headers) {
  template = { id, body, headers };
}

/** `work`, an answer, or ours once its instance is lost. */
export function answered(work, id) {
  return unless_lost(work, () => {
    const own = (text) => text.replaceAll(template.id, id);
    return new Response(own(template.body), { status: 500, headers: JSON.parse(own(template.headers)) });
  });
}

/** `work`, or its failure once its instance is lost. */
export function finished(work) {
  return unless_lost(work, () => {
    throw new Error("the instance was lost");
  });
}

/** Has an object begin anew, and all who wait for it told, once its instance is lost. */
export function keep(name, state) {
  // What is done then is done in the object's own context, as this is. A turn later, for whoever waits for
  // the object would otherwise hear of its end before our answer, and be told by workerd that it hangs.
  const lost = new Promise((tell) => objects.set(name, tell));
  lost.then(() => setTimeout(() => state.abort("the instance was lost"), 0));
}

/** Tells everybody, and has the shim of worker-build make a new instance for the next request. */
export function tell_lost() {
  globalThis.__worker_init_state.criticalError = true;
  const all = [...underWay, ...objects.values()];
  underWay.clear();
  objects.clear();
  for (const tell of all) tell();
}

function unless_lost(work, otherwise) {
  let tell;
  const lost = new Promise((resolve) => (tell = resolve));
  underWay.add(tell);
  const over = () => underWay.delete(tell);
  work.then(over, over);
  return Promise.race([work, lost.then(otherwise)]);
}
