// Short messages at the foot of the page, with a button where something can be done about them.

const LIFE = 12_000;
const place = document.getElementById("toasts");

/**
 * Show `words`; `action` is `{label, run}`. It stays while it has the focus or the pointer, and goes by itself
 * afterwards, unless `stays`. Returns a function that takes it away.
 */
export function toast(words, { action, fault = false, stays = false } = {}) {
  const box = document.createElement("div");
  box.className = fault ? "toast fault" : "toast";
  const text = document.createElement("p");
  // An alert is read at once, a status when the reader has finished.
  text.setAttribute("role", fault ? "alert" : "status");
  box.append(text);
  let timer;
  const close = () => { clearTimeout(timer); box.remove(); };
  const wait = () => {
    clearTimeout(timer);
    if (!stays) timer = setTimeout(() => (box.matches(":hover, :focus-within") ? wait() : close()), LIFE);
  };
  if (action) box.append(button(action.label, () => { close(); action.run(); }));
  box.append(button("Close", close));
  place.append(box);
  // Entered after its region is in the page, so that it is announced.
  requestAnimationFrame(() => { text.textContent = words; });
  wait();
  return close;
}

function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}

/** Tell people who hear of a change that others see. */
export function announce(words) {
  document.getElementById("news").textContent = words;
}
