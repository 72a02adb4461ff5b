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

// Log in to the service of a JupyterHub, at most once for each browser page: it has a login of its own, which a browser
// that is logged in to the Hub makes without a word by visiting one of its pages. Elsewhere nothing is done.
const LOGINS = Symbol.for("jupyter_figserve.logins.1");
function logIn(path) {
  const home = `${path.slice(0, path.lastIndexOf("/figserve/"))}/figserve/`;
  if (!home.endsWith("/services/figserve/")) return Promise.resolve();
  const logins = (globalThis[LOGINS] ??= new Map());
  if (!logins.has(home)) logins.set(home, new Promise((resolve) => {
    const frame = document.createElement("iframe");
    Object.assign(frame, { hidden: true, src: `${home}shared` });
    const end = () => { frame.remove(); resolve(); };
    // Also where the page may not be shown in a frame.
    frame.addEventListener("load", end, { once: true });
    setTimeout(end, 10_000);
    document.body.append(frame);
  }));
  return logins.get(home);
}

// Request an address of the server; null without a response.
async function request(address, headers = {}) {
  const send = () => fetch(address, { credentials: "same-origin", headers }).catch(() => null);
  const answer = await send();
  if (answer?.status !== 401) return answer;
  await logIn(address);
  return send();
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
      logIn(address).then(() => setTimeout(open, 5_000));
    });
    for (const kind of KINDS) source.addEventListener(kind, (event) => notify(kind, JSON.parse(event.data)));
  };
  open();
  addEventListener("pagehide", close, { signal });
  addEventListener("pageshow", open, { signal });
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()), { signal });
  return { listeners, isOpen: () => source?.readyState === EventSource.OPEN, end: () => { ending.abort(); close(); } };
}
