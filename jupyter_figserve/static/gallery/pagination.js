// Older figures, appended to the page on scrolling or by the link; without this script the link opens the next page.
import { fetchPage } from "./api.js";
import { announce, toast } from "./toast.js";

/** Load more figures on demand; `enter` prepares new cards. */
export function growOnDemand(sections, enter) {
  const nav = document.querySelector(".pages");
  let busy = false;
  let pressed = false;

  async function grow(byHand) {
    // A press while a page is loading applies to that page.
    pressed ||= byHand;
    const link = nav.querySelector("[rel=next]");
    if (busy || !link) return;
    busy = true;
    nav.setAttribute("aria-busy", "true");
    try {
      const fresh = await fetchPage(link.href);
      const added = append(sections, fresh);
      enter(sections);
      const next = fresh.querySelector(".pages [rel=next]");
      const hadFocus = document.activeElement === link;
      if (next) link.setAttribute("href", next.getAttribute("href"));
      else link.remove();
      announce(`${added.length} older figures loaded.`);
      // After a press the focus moves to the first new figure; after scrolling it stays where it is.
      if (pressed || (hadFocus && !next)) added[0]?.querySelector("a").focus();
    } catch (error) {
      toast(error.message, { isError: true });
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
  return {
    /** Continue from another first page. */
    reset(fresh) {
      nav.replaceChildren(...fresh.childNodes);
      watch();
    },
  };
}

/** Append the figures of a fetched page to ours; returns the new cards. */
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
