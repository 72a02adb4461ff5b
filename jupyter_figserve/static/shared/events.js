// The events of the owner's figures, dashboards, sessions and live figures, for the owner's pages.
import { prefix } from "./api.js";
import { follow } from "./stream.js";

const KINDS = [
  "figure.published", "figure.changed", "figure.deleted", "figure.restored",
  "dashboard.published", "dashboard.deleted", "dashboard.restored",
  "plot.captured", "session.started", "session.ended", "session.renamed", "live.offered", "live.changed", "live.gone",
  "live.refreshed", "live.progress", "live.deleted", "live.restored",
];

/** Call `listener(kind, data)` for each event, and `listener("reconnected")` when some may have been missed. */
export function listen(listener) {
  let wasOpen = false;
  const handlers = Object.fromEntries(KINDS.map((kind) => [kind, (data) => listener(kind, data)]));
  follow(() => new URL("api/events", prefix), handlers, (isOpen) => {
    if (isOpen && wasOpen) listener("reconnected");
    wasOpen ||= isOpen;
  });
}
