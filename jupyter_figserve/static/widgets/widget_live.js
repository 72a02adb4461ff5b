// Follows the function of a live figure, which is replaced when its cell runs again.
const NEW_PARAMETERS = "The function's parameters have changed. Run this cell again to update the controls.";

// Call `changed(message)` when the function differs from `declared`: the message says that the controls no longer match,
// and is "" where they do. Call `refreshed()` when its data changes, and every `declared.refresh` seconds while the page
// is visible, and `progress(done, total)` while it runs. Returns a function that stops it.
function followLive(path, declared, { changed, refreshed, progress }) {
  let { revision } = declared;
  const look = serialize(async () => {
    const answer = await request(`${path}.json?_record=1`);
    // Without a response nothing is known; retried on the next event or reconnection.
    if (!answer?.ok) return;
    const found = await answer.json();
    if (found.revision === revision) return;
    revision = found.revision;
    changed(controlled(found.schema) === controlled(declared.schema) ? "" : NEW_PARAMETERS);
  });
  let isOffline = false;
  const timer = declared.refresh ? setInterval(() => { if (!document.hidden && !isOffline) refreshed(); }, 1000 * declared.refresh) : null;
  const unlisten = listen(path, (kind, data) => {
    if (kind === "opened") {
      look();
      return;
    }
    if (!path.endsWith(`/live/${data.session}/${encodeURIComponent(data.name)}`)) return;
    if (kind === "live.gone" || kind === "live.offered") isOffline = kind === "live.gone";
    if (kind === "live.progress") progress(data.done, data.total);
    else if (kind === "live.refreshed") refreshed();
    else if (kind !== "live.gone") look();
  });
  return () => { clearInterval(timer); unlisten(); };
}

// A bar for the progress of a long call, at the lower edge of `box`; `end()` removes it.
function makeProgress(box) {
  let bar = null;
  return {
    show(done, total) {
      if (!box.hasAttribute("aria-busy")) return;
      if (!bar) {
        bar = document.createElement("progress");
        bar.setAttribute("aria-label", "Progress");
        box.append(bar);
      }
      bar.max = total;
      bar.value = done;
    },
    end() {
      bar?.remove();
      bar = null;
    },
  };
}

// The part of the schema that determines the controls; a default is only their initial value.
function controlled(schema) {
  return JSON.stringify(Object.entries(schema.properties).map(([name, { default: _, ...kind }]) => [name, kind]));
}
