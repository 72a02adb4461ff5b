// Keeps the keyboard focus while parts of a page are replaced.

const FIELDS = "input, select, textarea";

/** Replace `old` by `fresh` and restore the focus; a field that is being edited is left alone. */
export function exchange(old, fresh) {
  const active = document.activeElement;
  const inside = old.contains(active);
  if (inside && active.matches(FIELDS)) return;
  const here = inside ? place(active) : null;
  old.replaceWith(fresh);
  if (!inside) return;
  const same = [...fresh.querySelectorAll("a, button")].find((one) => place(one) === here);
  (same ?? document.getElementById("main")).focus();
}

/** Identify an element by its purpose rather than by its current text. */
function place(element) {
  const link = element.closest("[data-link]")?.dataset.link ?? "";
  return [link, ...Object.keys(element.dataset), element.getAttribute("href") ?? ""].join(" ");
}
