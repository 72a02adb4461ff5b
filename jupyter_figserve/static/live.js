// A live figure's form made quick: each move draws, the newest wins, and the address says what is seen.
// Without this script the form is sent like any other.
import { addSlider, drawIfNeeded, makeDrawer, readControls, writeQuery } from "./drawer.js";

const PAUSE = 120;

for (const place of document.querySelectorAll(".live")) start(place);

function start(place) {
  const form = place.querySelector("form.controls");
  const defaults = JSON.parse(place.dataset.defaults);
  const address = new URL(place.dataset.address, location.href);
  // What the address says besides, such as a width.
  const names = new Set([...form.elements].map((element) => element.name).filter(Boolean));
  const others = [...new URLSearchParams(location.search)].filter(([name]) => !names.has(name));
  const drawnQuery = () => location.search.slice(1);
  const picture = (suffix, text) => `${address.pathname}.${suffix}${text ? `?${text}` : ""}`;
  const framed = () => `${picture("html", drawnQuery())}${drawnQuery() ? "&" : "?"}_frame=1`;
  const drawer = makeDrawer(place, () => picture("png", drawnQuery()), drawnQuery, framed);
  let timer = null;

  for (const input of form.querySelectorAll("input[data-range]")) addSlider(input);
  form.querySelector(".draw").classList.add("quiet");
  place.classList.add("scripted");
  const image = place.querySelector(".frame img");
  if (place.dataset.form === "html") { if (place.querySelector(".frame noscript")) drawer.draw(); }
  else if (place.dataset.form) drawIfNeeded(image, drawer.draw);
  else if (image) whenSettled(image).then(learnForm);

  /** The first picture of all, or its failure, does not say that there is HTML, which would be better. */
  async function learnForm() {
    const answer = await fetch(picture("json", ""), { credentials: "same-origin" }).catch(() => null);
    const form = answer?.ok ? (await answer.json()).form : null;
    if (!place.dataset.form && form) place.dataset.form = form;
    if (form === "html") await drawer.draw();
    else drawIfNeeded(image, drawer.draw);
  }

  form.addEventListener("input", () => soon(PAUSE));
  form.addEventListener("change", () => soon(0));
  form.addEventListener("submit", (event) => { event.preventDefault(); soon(0, true); });
  addEventListener("popstate", () => location.reload());
  place.addEventListener("figserve:redraw", () => soon(0, true));

  function soon(pause, always = false) {
    const next = query();
    if (!always && next === drawnQuery() && !drawer.isDrawing) return;
    clearTimeout(timer);
    timer = setTimeout(() => { show(next); drawer.renew(); }, pause);
  }

  function show(text) {
    if (text === drawnQuery()) return;
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
    for (const link of document.querySelectorAll("a[data-suffix]")) link.href = picture(link.dataset.suffix, text);
  }

  function query() {
    const moved = [...readControls(form.elements)].filter(([name, text]) => text !== defaults[name]);
    return writeQuery(moved.concat(others));
  }
}

function whenSettled(image) {
  if (image.complete) return Promise.resolve();
  return new Promise((resolve) => {
    for (const kind of ["load", "error"]) image.addEventListener(kind, resolve, { once: true });
  });
}

// The owner's page hears when the function changes, goes and comes back.
const page = document.querySelector("main[data-live]");
if (page) {
  const { listen } = await import("./stream.js");
  listen((kind, data) => {
    if (data?.live !== page.dataset.live) return;
    if (kind === "live.changed") location.reload();
    if (kind === "live.offered" || kind === "live.gone") {
      page.querySelector(".live").dispatchEvent(new CustomEvent("figserve:redraw"));
    }
  });
}
