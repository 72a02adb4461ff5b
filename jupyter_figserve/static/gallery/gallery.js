// The gallery: the actions of its cards, and live updates while it is open.
import { fetchPage } from "./api.js";
import { enableAll } from "./copy.js";
import { exchange } from "./focus.js";
import { growOnDemand } from "./pagination.js";
import { swap } from "./image.js";
import { captured } from "./captured_plots.js";
import { removeAll } from "./deletion.js";
import { searchAsYouType } from "./gallery_search.js";
import { select } from "./selection.js";
import { share } from "./share_dialog.js";
import { listen } from "./events.js";
import { localize } from "./times.js";
import { announce } from "./toast.js";
import { inTurn, throttle } from "./turns.js";

const sections = document.getElementById("sections");
const main = document.getElementById("main");
const place = document.getElementById("captured");
const name = (card) => card.querySelector("h3").textContent;
const update = inTurn(load);
/** The markup last received of each part that is replaced whole: an unchanged part stays, with its images. */
const sent = new Map([...document.querySelectorAll("[data-live]")].map((one) => [one.dataset.live, one.outerHTML]));
/** Paths whose deletion is in progress: a refresh in the meantime does not bring them back. */
const leaving = new Set();
const find = (id) => sections.querySelector(`[data-figure="${CSS.escape(id)}"]`);
const selection = select(main, { removeCards, refresh: () => refresh() });

/** Prepare new elements below `root`. */
function enter(root) {
  for (const tools of root.querySelectorAll(".card-tools, .pick")) tools.hidden = false;
  enableAll(root);
  localize(root);
  selection.restore();
}

main.addEventListener("click", (event) => {
  const card = event.target.closest("[data-path]");
  if (event.target.closest("[data-share]")) share(`${card.dataset.path}/links`, name(card), refresh);
  if (event.target.closest("[data-delete]")) removeCards([card]);
});

/** Delete what these cards show; the focus moves to a neighbour, so that keyboard users keep their place. */
function removeCards(cards) {
  return removeAll(cards.map((card) => {
    const { parentElement: list, nextElementSibling: next, previousElementSibling: before } = card;
    const { path } = card.dataset;
    const gone = () => {
      leaving.add(path);
      if (card.contains(document.activeElement)) (next ?? before)?.querySelector("a").focus();
      takeAway(card);
      return () => {
        leaving.delete(path);
        list.insertBefore(card, next?.parentElement === list ? next : null);
        list.closest("section").hidden = false;
      };
    };
    return { path, name: name(card), gone, back: () => leaving.delete(path) };
  }), () => update());
}

/** Remove a card from the page; a section without cards is hidden. */
function takeAway(card) {
  const section = card.closest("section");
  if (card.contains(document.activeElement)) main.focus();
  sent.delete(card.closest("[data-live]")?.dataset.live);
  selection.drop(card);
  card.remove();
  section.hidden = !section.querySelector(".card");
}

/** Refresh the first page from the server, changing only what differs. */
async function load() {
  if (!sections.hasAttribute("data-first")) return;
  const address = location.href;
  let fresh;
  try {
    fresh = await fetchPage(address);
  } catch {
    return; // retried on the next event or connection
  }
  if (address !== location.href) return;
  const missing = findMissing(fresh);
  const arrived = [];
  for (const section of [...fresh.querySelectorAll("#sections > section")].reverse()) merge(section, arrived);
  exchangeParts(fresh);
  missing.forEach(takeAway);
  enter(document);
  if (arrived.length) announce(arrived.length === 1 ? `New figure: ${arrived[0]}.` : `${arrived.length} new figures.`);
}

/** Replace the parts that are replaced whole, where they differ. */
function exchangeParts(fresh) {
  for (const live of fresh.querySelectorAll("[data-live]")) {
    const { live: part } = live.dataset;
    if (sent.get(part) === live.outerHTML) continue;
    sent.set(part, live.outerHTML);
    for (const card of live.querySelectorAll("[data-path]")) {
      if (!leaving.has(card.dataset.path)) continue;
      card.remove();
      sent.delete(part); // It is not shown whole: when the deletion is undone, the same markup is news.
    }
    exchange(document.querySelector(`[data-live="${part}"]`), live);
  }
}

/** Show other results: all parts of a fetched page but the search field. */
function show(fresh) {
  sections.replaceChildren(...fresh.getElementById("sections").childNodes);
  sections.setAttribute("data-first", "");
  exchangeParts(fresh);
  if (place) place.dataset.text = new URLSearchParams(location.search).get("q") ?? "";
  pages.reset(fresh.querySelector(".pages"));
  document.title = fresh.title;
  enter(document);
  plots.refresh();
}

/** Cards that are missing from the fetched page because they were deleted or no longer match. */
function findMissing(fresh) {
  const time = (card) => card.querySelector("time").dateTime;
  const theirs = [...fresh.querySelectorAll("#sections [data-figure]")];
  const ids = new Set(theirs.map((card) => card.dataset.figure));
  // Cards older than the page's oldest may be on later pages.
  const oldest = fresh.querySelector(".pages [rel=next]") ? theirs.map(time).sort()[0] : "";
  const ours = [...sections.querySelectorAll("[data-figure]")];
  return ours.filter((card) => !ids.has(card.dataset.figure) && time(card) > oldest);
}

/** Merge a fetched section: known cards are updated in place, new ones are prepended. */
function merge(section, arrived) {
  const at = section.dataset.place;
  let ours = [...sections.children].find((one) => one.dataset.place === at);
  if (!ours) {
    ours = section.cloneNode(true);
    ours.querySelector(".cards").replaceChildren();
    sections.prepend(ours);
  } else {
    exchange(ours.querySelector("header"), section.querySelector("header"));
  }
  const list = ours.querySelector(".cards");
  for (const card of [...section.querySelectorAll("[data-figure]")].reverse()) {
    if (leaving.has(card.dataset.path)) continue;
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
  if (link[0].textContent !== link[1].textContent) link[0].replaceChildren(...link[1].childNodes);
  meta[0].replaceChildren(...meta[1].childNodes);
}

const refresh = throttle(update);
const plots = captured(place, refresh);
const pages = growOnDemand(sections, enter);
searchAsYouType(show);

listen((kind, data) => {
  if (kind === "figure.deleted") {
    const card = find(data.figure);
    if (card) takeAway(card);
  }
  if (kind === "figure.restored") leaving.delete(`api/figures/${data.figure}`);
  if (kind === "live.restored") leaving.delete(`api/live/${data.live}`);
  if (kind.startsWith("plot.") || kind.startsWith("session.") || kind === "reconnected") plots.refresh();
  // Many refreshes and steps of live figures change no card.
  if (!kind.startsWith("plot.") && kind !== "live.refreshed" && kind !== "live.progress") refresh();
});

enter(document);
