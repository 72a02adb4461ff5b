// The server's event stream as widgets hear it: one for each browser page, closed while nobody looks or listens.
// Each widget has its own copy of this text, so that the streams are kept where all copies find them. A change to what
// is kept there takes another name: kernels on one page may have different versions of it.
const STREAMS = Symbol.for("jupyter_figserve.streams.1");
const HEARD = [
  "figure.published", "figure.changed", "figure.deleted", "figure.restored", "live.offered", "live.changed",
];

// Call `heard(kind, data)` for each event of the server that has `path`, and `heard("opened")` whenever some may have
// been missed: at first, and when the stream is open again. Returns what ends it. Where the page is on no Jupyter
// server's site (VS Code, Colab), nothing is opened.
function listen(path, heard) {
  if (!path || !document.getElementById("jupyter-config-data")) return () => {};
  const streams = (globalThis[STREAMS] ??= new Map());
  const address = `${path.slice(0, path.lastIndexOf("/figserve/"))}/figserve/api/events`;
  if (!streams.has(address)) streams.set(address, openStream(address));
  const stream = streams.get(address);
  stream.hearers.add(heard);
  if (stream.isOpen()) heard("opened");
  return () => {
    stream.hearers.delete(heard);
    if (stream.hearers.size) return;
    streams.delete(address);
    stream.end();
  };
}

function openStream(address) {
  const hearers = new Set();
  const ending = new AbortController();
  const { signal } = ending;
  let source = null;
  const tell = (kind, data) => { for (const heard of [...hearers]) heard(kind, data); };
  const close = () => { source?.close(); source = null; };
  const open = () => {
    if (source || document.hidden || signal.aborted) return;
    source = new EventSource(address);
    source.addEventListener("open", () => tell("opened"));
    // The browser connects again by itself, but gives up after an answer that is an error.
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, 5_000);
    });
    for (const kind of HEARD) source.addEventListener(kind, (event) => tell(kind, JSON.parse(event.data)));
  };
  open();
  addEventListener("pagehide", close, { signal });
  addEventListener("pageshow", open, { signal });
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()), { signal });
  return { hearers, isOpen: () => source?.readyState === EventSource.OPEN, end: () => { ending.abort(); close(); } };
}
