// Enhances a live figure's form: each change redraws, the latest wins, and the URL keeps the state.
// Without this script the form is submitted as usual.
import { addSlider, makeRedrawer, readControls, writeQuery } from "./redraw.js";

const PAUSE = 120;

for (const place of document.querySelectorAll(".live")) start(place);

function start(place) {
  const form = place.querySelector("form.controls");
  const defaults = JSON.parse(place.dataset.defaults);
  const address = new URL(place.dataset.address, location.href);
  // Other query parameters, such as a width.
  const names = new Set([...form.elements].map((element) => element.name).filter(Boolean));
  const others = [...new URLSearchParams(location.search)].filter(([name]) => !names.has(name));
  const drawnQuery = () => location.search.slice(1);
  const imageUrl = (suffix, text) => `${address.pathname}.${suffix}${text ? `?${text}` : ""}`;
  const redrawer = makeRedrawer(place, (suffix) => imageUrl(suffix, drawnQuery()), drawnQuery);
  let timer = null;

  for (const input of form.querySelectorAll("input[data-range]")) addSlider(input);
  form.querySelector(".draw").classList.add("quiet");
  place.classList.add("scripted");
  redrawer.begin();

  form.addEventListener("input", () => soon(PAUSE));
  form.addEventListener("change", () => soon(0));
  form.addEventListener("submit", (event) => { event.preventDefault(); soon(0, true); });
  addEventListener("popstate", () => location.reload());
  place.addEventListener("figserve:redraw", () => { if (!("paused" in place.dataset)) soon(0, true); });

  function soon(pause, always = false) {
    const next = query();
    if (!always && next === drawnQuery() && !redrawer.isDrawing) return;
    delete place.dataset.paused;
    clearTimeout(timer);
    timer = setTimeout(() => { show(next); redrawer.renew(); }, pause);
  }

  function show(text) {
    if (text === drawnQuery()) return;
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
    for (const link of document.querySelectorAll("a[data-suffix]")) link.href = imageUrl(link.dataset.suffix, text);
  }

  function query() {
    const moved = [...readControls(form.elements)].filter(([name, text]) => text !== defaults[name]);
    return writeQuery(moved.concat(others));
  }
}

// The owner's page follows the function: changed, gone, offered again.
const page = document.querySelector("main[data-live]");
if (page) {
  const { listen } = await import("./events.js");
  listen((kind, data) => {
    if (data?.live !== page.dataset.live) return;
    if (kind === "live.changed") location.reload();
    if (kind === "live.offered" || kind === "live.gone") {
      page.querySelector(".live").dispatchEvent(new CustomEvent("figserve:redraw"));
    }
  });
}
