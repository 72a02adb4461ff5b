// Toasts: short messages at the bottom of the page, with an optional action button.

const DURATION = 8_000;
/** A toast with an action stays long enough to reach it. */
const DURATION_WITH_ACTION = 60_000;
const MAX_TOASTS = 3;
const place = document.getElementById("toasts");

/**
 * Show `message`; `action` is `{label, run}`. It disappears after a while, but not while it is hovered or focused.
 */
export function toast(message, { action, isError = false } = {}) {
  const box = document.createElement("div");
  box.className = isError ? "toast error" : "toast";
  const text = document.createElement("p");
  // Screen readers announce an alert at once, and a status when they are idle.
  text.setAttribute("role", isError ? "alert" : "status");
  box.append(text);
  let timer;
  const close = () => { clearTimeout(timer); box.remove(); };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (box.matches(":hover, :focus-within") ? wait() : close()), action ? DURATION_WITH_ACTION : DURATION);
  };
  if (action) box.append(button(action.label, () => { close(); action.run(); }));
  box.append(button("Close", close));
  place.append(box);
  if (place.children.length > MAX_TOASTS) place.firstElementChild.remove();
  // Set after the region is in the page, so that it is announced.
  requestAnimationFrame(() => { text.textContent = message; });
  wait();
}

function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}

/** Announce a visible change to screen readers. */
export function announce(message) {
  document.getElementById("news").textContent = message;
}
