// Short messages at the foot of the page, with a button where something can be done about them.

const LIFE = 8_000;
/** Where something can be done, there is time to come there. */
const LIFE_OF_ACTION = 60_000;
const MOST = 3;
const place = document.getElementById("toasts");

/**
 * Show `words`; `action` is `{label, run}`. It goes by itself after a while, but not while it has the focus or the
 * pointer.
 */
export function toast(words, { action, fault = false } = {}) {
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
    timer = setTimeout(() => (box.matches(":hover, :focus-within") ? wait() : close()), action ? LIFE_OF_ACTION : LIFE);
  };
  if (action) box.append(button(action.label, () => { close(); action.run(); }));
  box.append(button("Close", close));
  place.append(box);
  if (place.children.length > MOST) place.firstElementChild.remove();
  // Entered after its region is in the page, so that it is announced.
  requestAnimationFrame(() => { text.textContent = words; });
  wait();
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
