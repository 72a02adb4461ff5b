// A dashboard's page made quick: controls draw at once, the address says what is seen, new pictures come by themselves.
// Without this script its one form is sent like any other, and the pictures are those of the moment.
import { page as fetchPage } from "./api.js";
import { addSlider, makeDrawer, readControls, writeQuery } from "./redraw.js";
import { swap } from "./image.js";

const PAUSE = 120;
const RELOAD_AFTER = 300;

const board = document.querySelector(".dashboard");
const form = board.querySelector("#controls");
const defaults = JSON.parse(board.dataset.defaults);
const panels = new Map([...board.querySelectorAll("[data-place]")].map((place) => [place.dataset.place, place]));
const live = [...panels.values()].filter((place) => place.classList.contains("live")).map(makeLive);

// A list of its own: each slider joins the form.
for (const input of [...form.elements].filter((one) => one.hasAttribute("data-range"))) addSlider(input);
for (const button of board.querySelectorAll(".draw")) button.classList.add("quiet");
board.classList.add("scripted");
if (!form.querySelector(".control:not(.draw)")) form.hidden = true;

let timer = null;
board.addEventListener("input", () => soon(PAUSE));
board.addEventListener("change", () => soon(0));
form.addEventListener("submit", (event) => { event.preventDefault(); soon(0, true); });
addEventListener("popstate", () => location.reload());

for (const place of panels.values()) {
  // Where a picture cannot be drawn for dense screens, the usual one is there.
  const image = place.classList.contains("live") ? null : place.querySelector("img[srcset]");
  const plain = () => image.removeAttribute("srcset");
  image?.addEventListener("error", plain, { once: true });
  if (image?.complete && image.naturalWidth === 0 && image.loading !== "lazy") plain();
}

follow();

function makeLive(place) {
  const names = new Map(Object.entries(JSON.parse(place.dataset.names)));
  const query = () => {
    const values = readControls(form.elements);
    const said = [...names].filter(([, field]) => values.has(field)).map(([name, field]) => [name, values.get(field)]);
    // What is empty and has no default is missing, which the server says better than an empty number.
    const given = said.filter(([name, text]) => text !== "" || defaults[names.get(name)] !== undefined);
    return [place.dataset.fixed, writeQuery(given)].filter(Boolean).join("&");
  };
  const address = (suffix) => {
    const text = query();
    return `${new URL(place.dataset.address, location.href).pathname}.${suffix}${text ? `?${text}` : ""}`;
  };
  const drawer = makeDrawer(place, address, query);
  drawer.begin();
  place.dataset.drawn = query();
  return { place, query, drawer };
}

/** Draw what has changed, after a pause in which nothing moves; `always` draws all. */
function soon(pause, always = false) {
  const isFirst = "paused" in board.dataset;
  delete board.dataset.paused;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const moved = [...readControls(form.elements)].filter(([name, text]) => text !== defaults[name]);
    const text = writeQuery(moved);
    if (text !== location.search.slice(1)) history.replaceState(null, "", text ? `?${text}` : location.pathname);
    for (const one of live) {
      if (always || isFirst || one.drawer.isDrawing || one.query() !== one.place.dataset.drawn) one.drawer.renew();
    }
  }, pause);
}

/** The event stream: opened again whenever it ends, but for a link that is closed. */
function follow() {
  const address = new URL(board.dataset.events, location.href);
  const news = board.querySelector(".news");
  let source = null;
  let isGone = false;
  const close = () => { source?.close(); source = null; };
  const open = () => {
    if (source || isGone || document.hidden) return;
    source = new EventSource(`${address}?version=${board.dataset.version}`);
    source.addEventListener("open", () => { board.dataset.stream = "open"; });
    // The browser connects again by itself, but gives up after an answer that is an error.
    source.addEventListener("error", () => {
      board.dataset.stream = "waiting";
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, 5_000);
    });
    source.addEventListener("panel", (event) => renew(JSON.parse(event.data), address));
    source.addEventListener("dashboard", () => setTimeout(() => location.reload(), RELOAD_AFTER));
    source.addEventListener("gone", () => {
      isGone = true;
      close();
      news.textContent = "This page is not shared any more; it stays as it is until you leave it.";
    });
  };
  open();
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
}

/** A panel has a new picture, which takes the place of the old one when it is here and decoded. */
async function renew(data, address) {
  const place = panels.get(data.place);
  if (!place) return;
  if (place.classList.contains("live")) {
    if (!("paused" in board.dataset)) live.find((one) => one.place === place).drawer.renew();
    return;
  }
  if (place.dataset.version === String(data.version)) return;
  place.dataset.version = data.version;
  const old = place.querySelector("img.picture");
  if (!old || !data.src) {
    await renewFrame(place);
    return;
  }
  const fresh = new Image();
  fresh.setAttribute("src", new URL(data.src, address).href);
  fresh.alt = data.alt;
  for (const name of ["width", "height"]) if (data[name]) fresh.setAttribute(name, data[name]);
  await swap(old, fresh);
}

/** A document's address is good for a minute and for one version: a new one comes with the page. */
async function renewFrame(place) {
  const found = (await fetchPage(location.href)).querySelector(`[data-place="${place.dataset.place}"] .frame`);
  if (found) place.querySelector(".frame").replaceChildren(...document.importNode(found, true).childNodes);
}
