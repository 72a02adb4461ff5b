// Messages in the corner of the window, with actions, and with an address that could not be copied.
import { makeButton, makeElement } from "./elements.js";

const DURATION = 8_000;
/** A message with actions stays long enough to reach them. */
const DURATION_WITH_ACTIONS = 30_000;
/** Jupyter's own notifications, in the same corner, come and go. */
const NOTIFICATIONS = ".Toastify__toast-container";
const LOOK_AGAIN = 500;
const GAP = 8;
const HIGHEST = 0.6;
let place = null;
let looking = null;

/**
 * Show `message`; `actions` are `{label, run}`, `address` is a text to copy by hand, and `details` are `{label, text}` that
 * a button adds to the message. It disappears after a while, but
 * not while it is hovered or focused. Returns a function that closes it.
 */
export function showMessage(message, { actions = [], address = null, details = null, isError = false } = {}) {
  if (!place) {
    place = makeElement("div", { className: "figserve-messages", role: "region", "aria-label": "Messages about figures" });
    document.body.append(place);
  }
  const box = makeElement("div", { className: isError ? "figserve-message figserve-error" : "figserve-message" });
  // Screen readers announce an alert at once, and a status when they are idle.
  const text = makeElement("p", { role: isError ? "alert" : "status" });
  let timer;
  const close = () => { clearTimeout(timer); box.remove(); };
  const wait = () => {
    const isUsed = () => box.matches(":hover, :focus-within");
    clearTimeout(timer);
    timer = setTimeout(() => (isUsed() ? wait() : close()), actions.length || address || details ? DURATION_WITH_ACTIONS : DURATION);
  };
  box.append(text);
  let field = null;
  if (address) {
    field = makeElement("input", { readOnly: true, value: address, className: "figserve-field", "aria-label": "Address of the link" });
    box.append(field);
  }
  const more = details ? [makeButton(details.label, ({ target }) => {
    text.textContent = `${message} ${details.text}`;
    target.nextElementSibling.focus();
    target.remove();
  })] : [];
  const buttons = actions.map(({ label, run }) => makeButton(label, () => { close(); run(); }));
  box.append(makeElement("div", { className: "figserve-actions" }, ...more, ...buttons, makeButton("Close", close)));
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  // One at a time: more would cover the notebook.
  place.replaceChildren(box);
  clearInterval(looking);
  looking = setInterval(keepClear, LOOK_AGAIN);
  keepClear();
  field?.focus();
  field?.select();
  // Set after the region is in the page, so that it is announced.
  requestAnimationFrame(() => { text.textContent = message; });
  wait();
  return close;
}

/** Keep the message above Jupyter's notifications, which have buttons of their own, for as long as it is shown. */
function keepClear() {
  if (!place.firstChild) clearInterval(looking);
  const tops = [...document.querySelectorAll(NOTIFICATIONS)].map((one) => one.getBoundingClientRect()).filter((box) => box.height);
  const taken = innerHeight - Math.min(innerHeight, ...tops.map(({ top }) => top));
  place.style.bottom = taken ? `${Math.min(taken + GAP, HIGHEST * innerHeight)}px` : "";
}

export function showError(what, error) {
  return showMessage(what ? `${what} ${error.message}` : error.message, { isError: true });
}
