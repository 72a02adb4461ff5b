// Enhances a dashboard's page: controls redraw at once, the URL keeps the state, and new images appear by themselves.
// Without this script the form is submitted as usual, and the images are those at loading time.
import { fetchPage } from "./api.js";
import { addSlider, dropUnscripted, readControls, writeQuery } from "./controls.js";
import { makeRedrawer } from "./redraw.js";
import { swap } from "./image.js";
import { follow } from "./stream.js";

const PAUSE = 120;
const RELOAD_AFTER = 300;

const dashboard = document.querySelector(".dashboard");
const form = dashboard.querySelector("#controls");
dropUnscripted(form);
const defaults = JSON.parse(dashboard.dataset.defaults);
const panels = new Map([...dashboard.querySelectorAll("[data-place]")].map((place) => [place.dataset.place, place]));
const live = [...panels.values()].filter((place) => place.classList.contains("live")).map(makeLive);

// A copy of the list: each slider is added to the form.
for (const input of [...form.elements].filter((one) => one.hasAttribute("data-range"))) addSlider(input);
for (const button of dashboard.querySelectorAll(".draw")) button.classList.add("quiet");
dashboard.classList.add("scripted");
if (!form.querySelector(".control:not(.draw)")) form.hidden = true;

let timer = null;
dashboard.addEventListener("input", () => soon(PAUSE));
dashboard.addEventListener("change", () => soon(0));
form.addEventListener("submit", (event) => { event.preventDefault(); soon(0, true); });
addEventListener("popstate", () => location.reload());

for (const place of panels.values()) {
  // Falls back to the standard image where a HiDPI one cannot be drawn.
  const image = place.classList.contains("live") ? null : place.querySelector("img[srcset]");
  const plain = () => image.removeAttribute("srcset");
  image?.addEventListener("error", plain, { once: true });
  if (image?.complete && image.naturalWidth === 0 && image.loading !== "lazy") plain();
}

followChanges();

function makeLive(place) {
  const names = new Map(Object.entries(JSON.parse(place.dataset.names)));
  const query = () => {
    const values = readControls(form.elements);
    const entered = [...names].filter(([, field]) => values.has(field)).map(([name, field]) => [name, values.get(field)]);
    // An empty field without a default is left out, so that the server reports it as missing.
    const given = entered.filter(([name, text]) => text !== "" || defaults[names.get(name)] !== undefined);
    return [place.dataset.fixed, writeQuery(given)].filter(Boolean).join("&");
  };
  const address = (suffix) => {
    const text = query();
    return `${new URL(place.dataset.address, location.href).pathname}.${suffix}${text ? `?${text}` : ""}`;
  };
  const redrawer = makeRedrawer(place, address, query);
  redrawer.begin();
  place.dataset.rendered = query();
  return { place, query, redrawer };
}

/** Redraw what has changed after a pause without input; `always` redraws everything. */
function soon(pause, always = false) {
  const isFirst = "paused" in dashboard.dataset;
  delete dashboard.dataset.paused;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const moved = [...readControls(form.elements)].filter(([name, text]) => text !== defaults[name]);
    const text = writeQuery(moved);
    if (text !== location.search.slice(1)) history.replaceState(null, "", text ? `?${text}` : location.pathname);
    for (const one of live) {
      if (always || isFirst || one.redrawer.isDrawing || one.query() !== one.place.dataset.rendered) one.redrawer.renew();
    }
  }, pause);
}

/** Apply the changes that the event stream reports. */
function followChanges() {
  const address = new URL(dashboard.dataset.events, location.href);
  const news = dashboard.querySelector(".news");
  follow(() => `${address}?version=${dashboard.dataset.version}`, {
    panel: (data) => renew(data, address),
    progress: ({ place, done, total }) => live.find((one) => one.place.dataset.place === place)?.redrawer.progress(done, total),
    dashboard: () => setTimeout(() => location.reload(), RELOAD_AFTER),
    gone: () => { news.textContent = "This dashboard is no longer shared. It stays visible until you leave this page."; },
  }, (isOpen) => { dashboard.dataset.stream = isOpen ? "open" : "waiting"; });
}

/** Show a panel's new image once it is loaded and decoded. */
async function renew(data, address) {
  const place = panels.get(data.place);
  if (!place) return;
  if (place.classList.contains("live")) {
    if (!("paused" in dashboard.dataset)) live.find((one) => one.place === place).redrawer.refresh();
    return;
  }
  if (place.dataset.version === String(data.version)) return;
  place.dataset.version = data.version;
  const old = place.querySelector("img.figure-image");
  if (!old || !data.src || old.closest("picture")) {
    await renewFrame(place);
    return;
  }
  const fresh = new Image();
  fresh.setAttribute("src", new URL(data.src, address).href);
  fresh.alt = data.alt;
  for (const name of ["width", "height"]) if (data[name]) fresh.setAttribute(name, data[name]);
  await swap(old, fresh);
}

/** A frame's URL is valid for a minute and for one version, so a fresh one is taken from the page. */
async function renewFrame(place) {
  const found = (await fetchPage(location.href)).querySelector(`[data-place="${place.dataset.place}"] .frame`);
  if (found) place.querySelector(".frame").replaceChildren(...document.importNode(found, true).childNodes);
}
