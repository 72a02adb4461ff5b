// An event stream, open while its page is visible and reopened whenever it ends.
const REOPEN_AFTER = 5_000;

/**
 * Follow the stream at `address()`, which is called for each connection; `handlers` take the data of each kind of event.
 * `handlers.gone` is called once, when there is nothing more to follow; `isOpen(state)` when the connection changes.
 *
 * Browsers open at most six connections to a server, so a hidden page holds none.
 */
export function follow(address, handlers, isOpen = () => {}) {
  let source = null;
  let isGone = false;
  const close = () => { source?.close(); source = null; };
  const open = () => {
    if (source || isGone || document.hidden) return;
    source = new EventSource(new URL(address(), location.href));
    source.addEventListener("open", () => isOpen(true));
    // The browser reconnects by itself, but gives up after an error response.
    source.addEventListener("error", () => {
      isOpen(false);
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, REOPEN_AFTER);
    });
    for (const [kind, handle] of Object.entries(handlers)) {
      if (kind !== "gone") source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
    }
    source.addEventListener("gone", () => {
      isGone = true;
      close();
      handlers.gone?.();
    });
  };
  open();
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
}
