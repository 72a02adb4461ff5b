// Enhances a live figure's form: each change redraws, the latest wins, and the URL keeps the state.
// Without this script the form is submitted as usual.
import { addSlider, dropUnscripted, readControls, writeQuery } from "./controls.js";
import { makeRedrawer } from "./redraw.js";

const PAUSE = 120;

const place = document.querySelector(".live");
const redrawer = start();

/** Redraw for new data, once the user has allowed the function to run. */
function redraw() {
  if (!("paused" in place.dataset)) redrawer.refresh();
}

function report({ done, total }) {
  redrawer.progress(done, total);
}

/** Enhance the form; returns the redrawer of the image. */
function start() {
  const form = place.querySelector("form.controls");
  dropUnscripted(form);
  const defaults = JSON.parse(place.dataset.defaults);
  const address = new URL(place.dataset.address, location.href);
  // The query of the image: that of the page without what other programs and mistakes added to it.
  let drawn = place.dataset.query ?? location.search.slice(1);
  const names = new Set([...form.elements].map((element) => element.name).filter(Boolean));
  // Other query parameters, such as a width.
  const others = [...new URLSearchParams(drawn)].filter(([name]) => !names.has(name));
  const format = new URLSearchParams(location.search).get("_format");
  const drawnQuery = () => drawn;
  const imageUrl = (suffix, text) => `${address.pathname}.${suffix}${text ? `?${text}` : ""}`;
  const made = makeRedrawer(place, (suffix) => imageUrl(suffix, drawnQuery()), drawnQuery);
  let timer = null;

  for (const input of form.querySelectorAll("input[data-range]")) addSlider(input);
  form.querySelector(".draw").classList.add("quiet");
  place.classList.add("scripted");
  made.begin();

  form.addEventListener("input", () => soon(PAUSE));
  form.addEventListener("change", () => soon(0));
  form.addEventListener("submit", (event) => { event.preventDefault(); soon(0, true); });
  addEventListener("popstate", () => location.reload());
  return made;

  function soon(pause, always = false) {
    const next = query();
    if (!always && next === drawnQuery() && !made.isDrawing) return;
    delete place.dataset.paused;
    clearTimeout(timer);
    timer = setTimeout(() => { show(next); made.renew(); }, pause);
  }

  function show(text) {
    place.querySelector("[data-notice]")?.remove();
    if (text === drawnQuery()) return;
    drawn = text;
    const shown = [text, format && writeQuery([["_format", format]])].filter(Boolean).join("&");
    history.replaceState(null, "", shown ? `?${shown}` : location.pathname);
    for (const link of document.querySelectorAll("a[data-suffix]")) link.href = imageUrl(link.dataset.suffix, text);
  }

  function query() {
    const moved = [...readControls(form.elements)].filter(([name, text]) => text !== defaults[name]);
    return writeQuery(moved.concat(others));
  }
}

// The owner's page follows the function: changed, gone, offered again, with new data.
const page = document.querySelector("main[data-live]");
if (page) {
  const { listen } = await import("./events.js");
  listen((kind, data) => {
    if (data?.live !== page.dataset.live) return;
    if (kind === "live.changed") location.reload();
    if (["live.offered", "live.gone", "live.refreshed"].includes(kind)) redraw();
    if (kind === "live.progress") report(data);
  });
}

// A link's page follows the link's own stream.
const shared = document.querySelector("main[data-events]");
if (shared) {
  const { follow } = await import("./stream.js");
  follow(() => shared.dataset.events, {
    live: ({ state }) => { if (state === "changed") location.reload(); else redraw(); },
    progress: report,
  });
}
