// The keyboard's place, kept while parts of a page are exchanged.

const FIELDS = "input, select, textarea";

/** Put `fresh` in the place of `old`; what had the focus has it again, and a field that somebody is in stays. */
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

/** What an element is for, whatever it says just now. */
function place(element) {
  const link = element.closest("[data-link]")?.dataset.link ?? "";
  return [link, ...Object.keys(element.dataset), element.getAttribute("href") ?? ""].join(" ");
}
