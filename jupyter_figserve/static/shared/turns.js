// When a function runs that is called often: one call after the other, or not more often than the page can show.

/**
 * Return a function that runs `run` once at a time, in the order of its calls: else an older answer of the server, which
 * comes late, would take the place of a newer one.
 */
export function inTurn(run) {
  let last = Promise.resolve();
  return () => { last = last.then(run, run); return last; };
}

/** Throttle `run` to once per `pause` milliseconds, never running twice at the same time. After an error, it runs again. */
export function throttle(run, pause = 400) {
  let asked = false;
  let busy = false;
  return async function ask() {
    asked = true;
    if (busy) return;
    busy = true;
    while (asked) {
      await new Promise((resolve) => { setTimeout(resolve, pause); });
      asked = false;
      try {
        await run();
      } catch (error) {
        reportError(error);
      }
    }
    busy = false;
  };
}
