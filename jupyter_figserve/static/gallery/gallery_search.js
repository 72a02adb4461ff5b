// Search as you type: the results replace the page's parts, and its URL follows. Without this script it is a form.
import { fetchPage } from "./api.js";
import { announce } from "./toast.js";

const PAUSE = 250;

/** Call `show` with the fetched page of each new search. */
export function searchAsYouType(show) {
  const form = document.querySelector("form.search");
  const field = form.elements.q;
  let timer;
  let request = 0;

  async function search() {
    const address = new URL(form.action);
    address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
    if (address.href === location.href) return;
    const own = ++request;
    form.setAttribute("aria-busy", "true");
    let fresh;
    try {
      fresh = await fetchPage(address);
    } catch {
      return; // the form still sends it
    } finally {
      if (own === request) form.removeAttribute("aria-busy");
    }
    if (own !== request) return;
    history.replaceState(null, "", address);
    show(fresh);
    const count = document.querySelectorAll("main .cards > [data-path]").length;
    announce(count === 1 ? "1 result." : `${count} results.`);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });

  form.addEventListener("submit", () => {
    // The browser opens the results, and Back leads to this page as it is now.
    clearTimeout(timer);
    request += 1;
    form.removeAttribute("aria-busy");
  });
}
