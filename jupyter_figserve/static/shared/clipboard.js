// Writes text to the clipboard, also on pages that the browser does not trust with it: those on plain http.

/**
 * Copy `text`, or the text of a promise, within the handling of a click. Returns whether it was copied.
 *
 * `host` is an element of the page, within the open dialog if there is one: outside of it nothing can be selected.
 */
export async function copyText(text, host = document.body) {
  try {
    await write(text);
    return true;
  } catch {
    return copySelected(await text, host);
  }
}

/** Write a text that may still be on its way: Safari allows this only while the click is handled. */
async function write(text) {
  if (typeof text === "string" || !window.ClipboardItem) return navigator.clipboard.writeText(await text);
  const blob = text.then((value) => new Blob([value], { type: "text/plain" }));
  return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
}

/** Copy by the older command, which works on plain http, too. */
function copySelected(text, host) {
  const before = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
  const field = document.createElement("textarea");
  Object.assign(field, { value: text, readOnly: true, className: "visually-hidden" });
  field.setAttribute("aria-hidden", "true");
  field.style.position = "fixed";
  host.append(field);
  field.select();
  let isCopied = false;
  try {
    isCopied = document.execCommand("copy");
  } catch {
    // Browsers that know the command no longer throw.
  }
  field.remove();
  before?.focus({ preventScroll: true });
  return isCopied;
}
