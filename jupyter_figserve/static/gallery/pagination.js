// Older figures: loaded into the page at its end, by scrolling there or by the link, which does it without script.
import { page } from "./api.js";
import { announce, toast } from "./toast.js";

/** Let the page grow; `enter` prepares cards that are new to it. */
export function growOnDemand(sections, enter) {
  const nav = document.querySelector(".pages");
  let busy = false;
  let pressed = false;

  async function grow(byHand) {
    // A press while scrolling loads already is for what comes.
    pressed ||= byHand;
    const link = nav.querySelector("[rel=next]");
    if (busy || !link) return;
    busy = true;
    nav.setAttribute("aria-busy", "true");
    try {
      const fresh = await page(link.href);
      const added = append(sections, fresh);
      enter(sections);
      const next = fresh.querySelector(".pages [rel=next]");
      const hadFocus = document.activeElement === link;
      if (next) link.setAttribute("href", next.getAttribute("href"));
      else link.remove();
      announce(`${added.length} older figures.`);
      // Whoever pressed the link goes on at the first new figure; whoever scrolled keeps the focus where it is.
      if (pressed || (hadFocus && !next)) added[0]?.querySelector("a").focus();
    } catch (error) {
      toast(error.message, { fault: true });
    } finally {
      busy = false;
      pressed = false;
      nav.removeAttribute("aria-busy");
    }
    watch();
  }

  const observer = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && grow(false), {
    rootMargin: "600px",
  });
  function watch() {
    observer.disconnect();
    if (nav.querySelector("[rel=next]")) observer.observe(nav);
  }

  nav.addEventListener("click", (event) => {
    const link = event.target.closest("[rel=next]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    grow(true);
  });
  watch();
}

/** Move the figures of a fetched page behind ours; returns the cards that are new. */
function append(sections, fresh) {
  const added = [];
  const known = new Set([...sections.querySelectorAll("[data-figure]")].map((card) => card.dataset.figure));
  for (const section of fresh.querySelectorAll("#sections > section")) {
    for (const card of section.querySelectorAll("[data-figure]")) {
      if (known.has(card.dataset.figure)) card.remove();
      else added.push(card);
    }
    if (!section.querySelector("[data-figure]")) continue;
    const last = sections.lastElementChild;
    if (last?.dataset.place === section.dataset.place) {
      last.querySelector(".cards").append(...section.querySelectorAll("[data-figure]"));
    } else {
      sections.append(section);
    }
  }
  return added;
}
