// The gallery: the actions of its cards, and live updates while it is open.
import { page } from "./api.js";
import { exchange } from "./focus.js";
import { growOnDemand } from "./pagination.js";
import { swap } from "./image.js";
import { captured } from "./captured_plots.js";
import { remove } from "./deletion.js";
import { share } from "./share_dialog.js";
import { listen, throttle } from "./events.js";
import { localize } from "./times.js";
import { announce } from "./toast.js";

const sections = document.getElementById("sections");
const isFirstPage = sections.hasAttribute("data-first");
const main = document.getElementById("main");
const name = (card) => card.querySelector("h3").textContent;
const path = (card) => (card.dataset.figure ? `api/figures/${card.dataset.figure}` : `api/dashboards/${card.dataset.dashboard}`);
/** The markup last received of each part that is replaced whole: an unchanged part stays, with its images. */
const sent = new Map([...document.querySelectorAll("[data-live]")].map((one) => [one.dataset.live, one.outerHTML]));
/** Ids whose deletion is in progress: a refresh in the meantime does not bring them back. */
const leaving = new Set();
const find = (id) => sections.querySelector(`[data-figure="${CSS.escape(id)}"]`);

/** Prepare new elements below `root`. */
function enter(root) {
  for (const tools of root.querySelectorAll(".card-tools")) tools.hidden = false;
  localize(root);
}

main.addEventListener("click", (event) => {
  const card = event.target.closest("[data-figure], [data-dashboard]");
  if (event.target.closest("[data-share]")) share(`${path(card)}/links`, name(card), refresh);
  if (event.target.closest("[data-delete]")) removeCard(card);
});

function removeCard(card) {
  const { parentElement: list, nextElementSibling: next, previousElementSibling: before } = card;
  const id = card.dataset.figure ?? card.dataset.dashboard;
  const gone = () => {
    leaving.add(id);
    // Move the focus to the neighbour, so that keyboard users keep their place.
    if (card.contains(document.activeElement)) (next ?? before)?.querySelector("a").focus();
    takeAway(card);
    return () => {
      leaving.delete(id);
      list.insertBefore(card, next?.parentElement === list ? next : null);
      list.closest("section").hidden = false;
    };
  };
  const back = () => { leaving.delete(id); return update(); };
  remove(path(card), name(card), gone, back);
}

/** Remove a card from the page; a section without cards is hidden. */
function takeAway(card) {
  const section = card.closest("section");
  if (card.contains(document.activeElement)) main.focus();
  sent.delete(card.closest("[data-live]")?.dataset.live);
  card.remove();
  section.hidden = !section.querySelector(".card");
}

/** Refresh the first page from the server, changing only what differs. */
async function update() {
  if (!isFirstPage) return;
  let fresh;
  try {
    fresh = await page(location.href);
  } catch {
    return; // retried on the next event or connection
  }
  const missing = findMissing(fresh);
  const arrived = [];
  for (const section of [...fresh.querySelectorAll("#sections > section")].reverse()) merge(section, arrived);
  for (const live of fresh.querySelectorAll("[data-live]")) {
    const { live: part } = live.dataset;
    if (sent.get(part) === live.outerHTML) continue;
    sent.set(part, live.outerHTML);
    exchange(document.querySelector(`[data-live="${part}"]`), live);
  }
  missing.forEach(takeAway);
  if (sections.children.length) document.querySelector("[data-empty]")?.remove();
  enter(document);
  if (arrived.length) announce(arrived.length === 1 ? `New figure: ${arrived[0]}.` : `${arrived.length} new figures.`);
}

/** Cards that are missing from the fetched page because they were deleted or no longer match. */
function findMissing(fresh) {
  const time = (card) => card.querySelector("time").dateTime;
  const theirs = [...fresh.querySelectorAll("[data-figure]")];
  const ids = new Set(theirs.map((card) => card.dataset.figure));
  // Cards older than the page's oldest may be on later pages.
  const oldest = fresh.querySelector(".pages [rel=next]") ? theirs.map(time).sort()[0] : "";
  const ours = [...sections.querySelectorAll("[data-figure]")];
  return ours.filter((card) => !ids.has(card.dataset.figure) && time(card) > oldest);
}

/** Merge a fetched section: known cards are updated in place, new ones are prepended. */
function merge(section, arrived) {
  const place = section.dataset.place;
  let ours = [...sections.children].find((one) => one.dataset.place === place);
  if (!ours) {
    ours = section.cloneNode(true);
    ours.querySelector(".cards").replaceChildren();
    sections.prepend(ours);
  } else {
    exchange(ours.querySelector("header"), section.querySelector("header"));
  }
  const list = ours.querySelector(".cards");
  for (const card of [...section.querySelectorAll("[data-figure]")].reverse()) {
    if (leaving.has(card.dataset.figure)) continue;
    const known = find(card.dataset.figure);
    if (known) {
      change(known, card);
    } else {
      arrived.unshift(name(card));
      list.prepend(card);
    }
  }
  ours.hidden = !list.children.length;
}

function change(known, card) {
  known.dataset.version = card.dataset.version;
  const [old, fresh] = [known, card].map((one) => one.querySelector("img"));
  if (old && fresh) swap(old, fresh);
  else known.querySelector(".card-image").replaceWith(card.querySelector(".card-image"));
  const [link, meta] = ["h3 a", ".meta"].map((part) => [known, card].map((one) => one.querySelector(part)));
  if (link[0].textContent !== link[1].textContent) link[0].textContent = link[1].textContent;
  meta[0].replaceChildren(...meta[1].childNodes);
}

const refresh = throttle(update);
const plots = captured(document.getElementById("captured"), refresh);

listen((kind, data) => {
  if (kind === "figure.deleted") {
    const card = find(data.figure);
    if (card) takeAway(card);
  }
  if (kind === "figure.restored") leaving.delete(data.figure);
  if (kind.startsWith("plot.") || kind.startsWith("session.") || kind === "reconnected") plots.refresh();
  if (!kind.startsWith("plot.")) refresh();
});

growOnDemand(sections, enter);
enter(document);
