// The page's event stream, reopened whenever it ends.
import { prefix } from "./api.js";

const KINDS = [
  "figure.published", "figure.changed", "figure.deleted", "figure.restored",
  "dashboard.published", "dashboard.deleted", "dashboard.restored",
  "plot.captured", "session.started", "session.ended", "session.renamed", "live.offered", "live.changed", "live.gone",
  "live.refreshed", "live.progress", "live.deleted", "live.restored",
];

/**
 * Call `listener(kind, data)` for each event, and `listener("reconnected")` when some may have been missed.
 *
 * Browsers open at most six connections to a server, so a hidden page holds none.
 */
export function listen(listener) {
  let source = null;
  let wasOpen = false;
  const close = () => { source?.close(); source = null; };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(new URL("api/events", prefix));
    source.addEventListener("open", () => {
      if (wasOpen) listener("reconnected");
      wasOpen = true;
    });
    // The browser reconnects by itself, but gives up after an error response.
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, 5_000);
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => listener(kind, JSON.parse(event.data)));
    }
  };
  open();
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
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
