// The server's event stream for widgets: one for each browser page, closed while the page is hidden or has no listener.
// Each widget has its own copy of this script, so the streams are kept under a global symbol. A change to the stored
// objects needs a new symbol: kernels on one page may have different versions of this script.
const STREAMS = Symbol.for("jupyter_figserve.streams.3");
const KINDS = [
  "figure.published", "figure.changed", "figure.deleted", "figure.restored", "live.offered", "live.changed",
  "live.gone", "live.refreshed", "live.progress",
];

// Call `listener(kind, data)` for each event of the server that has `path`, and `listener("opened")` whenever some may
// have been missed: at first, and when the stream reopens. Returns a function that unsubscribes. On pages outside a
// Jupyter server (VS Code, Colab) nothing is opened.
function listen(path, listener) {
  if (!path || !document.getElementById("jupyter-config-data")) return () => {};
  const streams = (globalThis[STREAMS] ??= new Map());
  const address = `${path.slice(0, path.lastIndexOf("/figserve/"))}/figserve/api/events`;
  if (!streams.has(address)) streams.set(address, openStream(address));
  const stream = streams.get(address);
  stream.listeners.add(listener);
  if (stream.isOpen()) listener("opened");
  return () => {
    stream.listeners.delete(listener);
    if (stream.listeners.size) return;
    streams.delete(address);
    stream.end();
  };
}

function openStream(address) {
  const listeners = new Set();
  const ending = new AbortController();
  const { signal } = ending;
  let source = null;
  const notify = (kind, data) => { for (const listener of [...listeners]) listener(kind, data); };
  const close = () => { source?.close(); source = null; };
  const open = () => {
    if (source || document.hidden || signal.aborted) return;
    source = new EventSource(address);
    source.addEventListener("open", () => notify("opened"));
    // The browser reconnects by itself, but gives up after an error response.
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, 5_000);
    });
    for (const kind of KINDS) source.addEventListener(kind, (event) => notify(kind, JSON.parse(event.data)));
  };
  open();
  addEventListener("pagehide", close, { signal });
  addEventListener("pageshow", open, { signal });
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()), { signal });
  return { listeners, isOpen: () => source?.readyState === EventSource.OPEN, end: () => { ending.abort(); close(); } };
}
