// Selecting cards of the gallery: share them as one dashboard, download or delete them.
import { ask, prefix } from "./api.js";
import { share } from "./share_dialog.js";
import { announce, toast } from "./toast.js";

const MAX_PANELS = 100;
const MAX_DOWNLOADS = 500;
const bar = document.querySelector(".selection");
/** The dialog, while it is open. */
let dialog = null;
let form = null;
const title = (card) => card.querySelector("h3").textContent;

/** Manage the selection of the cards in `main`; `removeCards(cards)` deletes what they show. */
export function select(main, { removeCards, refresh }) {
  /** Selected paths: a refresh may replace their cards. */
  const chosen = new Set();
  let last = null;
  const all = () => [...main.querySelectorAll(".cards > [data-path]")];
  const cards = () => all().filter((card) => chosen.has(card.dataset.path));
  const box = (card) => card.querySelector("[name=pick]");

  function set(card, isChosen) {
    chosen[isChosen ? "add" : "delete"](card.dataset.path);
    card.classList.toggle("picked", isChosen);
    box(card).checked = isChosen;
  }

  function clear() {
    const hadFocus = bar.contains(document.activeElement);
    const [first] = cards();
    for (const card of cards()) set(card, false);
    chosen.clear();
    show();
    if (hadFocus) (first ? box(first) : main).focus();
  }

  /** Update the bar: how many are selected, and what can be done with them. */
  function show() {
    const selected = cards();
    main.classList.toggle("selecting", selected.length > 0);
    bar.hidden = !selected.length;
    bar.querySelector("[data-count]").textContent = `${selected.length} selected`;
    for (const [what, able] of Object.entries({ share: panels, download: figures, delete: deletable })) {
      const button = bar.querySelector(`[data-do=${what}]`);
      const count = able(selected).length;
      button.disabled = !count;
      button.firstChild.textContent = LABELS[what] + (count && count < selected.length ? ` (${count})` : "");
    }
  }

  main.addEventListener("click", (event) => {
    const card = event.target.name === "pick" ? event.target.closest("[data-path]") : null;
    if (!card) return;
    const { checked } = event.target;
    const order = all();
    const [from, to] = [order.findIndex((one) => one.dataset.path === last), order.indexOf(card)].sort((a, b) => a - b);
    // With Shift, all cards from the last one selected to this one.
    if (event.shiftKey && from >= 0) order.slice(from, to + 1).forEach((one) => set(one, checked));
    else set(card, checked);
    last = card.dataset.path;
    show();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen.size && !document.querySelector("dialog[open]")) clear();
  });
  bar.addEventListener("click", (event) => {
    const what = event.target.closest("[data-do]")?.dataset.do;
    const selected = cards();
    if (what === "all") all().forEach((card) => set(card, true));
    if (what === "all" || what === "none") what === "all" ? show() : clear();
    if (what === "share") arrange(panels(selected), submit);
    if (what === "download") download(figures(selected));
    if (what === "delete") {
      clear();
      removeCards(deletable(selected));
    }
  });
  async function submit(event) {
    event.preventDefault();
    const record = await create(panels(cards()));
    if (!record) return;
    dialog.close();
    clear();
    refresh();
    share(`api/dashboards/${record.id}/links`, record.title, refresh);
  }

  return {
    /** Mark the selected cards of a new page; those that it no longer has are no longer selected. */
    restore() {
      const known = new Set(all().map((card) => card.dataset.path));
      for (const path of chosen) if (!known.has(path)) chosen.delete(path);
      for (const card of cards()) set(card, true);
      show();
    },
    drop(card) {
      if (chosen.delete(card.dataset.path)) queueMicrotask(show);
    },
  };
}

const LABELS = { share: "Share as dashboard", download: "Download", delete: "Delete" };
const figures = (cards) => cards.filter((card) => card.dataset.figure);
const deletable = (cards) => cards.filter((card) => card.querySelector("[data-delete]"));
/** Dashboards are no panels of dashboards. */
const panels = (cards) => cards.filter((card) => !card.dataset.dashboard);

/** Download the newest versions as a zip. */
function download(cards) {
  if (cards.length > MAX_DOWNLOADS) {
    toast(`At most ${MAX_DOWNLOADS} figures can be downloaded at once. Download a notebook or a collection.`, { isError: true });
    return;
  }
  const address = new URL("export.zip", prefix);
  address.search = new URLSearchParams(cards.map((card) => ["figure", card.dataset.figure]));
  const link = Object.assign(document.createElement("a"), { href: address.href, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
  announce(`Downloading ${cards.length === 1 ? "1 figure" : `${cards.length} figures`}.`);
}

/** Ask for the title and the layout of a dashboard; `submit` handles the form. */
function arrange(cards, submit) {
  dialog = document.getElementById("arrange").content.firstElementChild.cloneNode(true);
  form = dialog.querySelector("form");
  const own = dialog;
  form.addEventListener("submit", submit);
  own.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]") || event.target === own) own.close();
  });
  own.addEventListener("close", () => own.remove());
  document.body.append(own);
  const count = cards.length === 1 ? "1 figure" : `${cards.length} figures`;
  dialog.querySelector("[data-fill=what]").textContent = `${count}, in the order of the page. Viewers see new versions as they are published.`;
  form.elements.title.value = cards.length === 1 ? title(cards[0]) : placeOf(cards);
  if (cards.length === 1) form.elements.columns.value = "1";
  dialog.showModal();
  form.elements.title.select();
}

/** The notebook or the collection of all these cards, without its folder; "" where they differ, or it says nothing. */
function placeOf(cards) {
  const names = cards.map((card) => card.closest("section.notebook")?.querySelector("h2 > bdi, h2 > a > bdi")?.textContent ?? "");
  const isOne = new Set(names).size === 1 && names[0] !== "default";
  return isOne ? names[0].replace(/^.*\//, "").replace(/\.ipynb$/, "") : "";
}

/** Publish the dashboard; returns its record, or null after showing what is wrong. */
async function create(cards) {
  const name = form.elements.title.value.trim();
  if (!name) return fail("Give the dashboard a title.");
  if (cards.length > MAX_PANELS) return fail(`A dashboard has at most ${MAX_PANELS} panels. Select fewer figures.`);
  const columns = Number(form.elements.columns.value);
  const row = cards.map(({ dataset }) => (dataset.figure ? { kind: "figure", figure: dataset.figure } : { kind: "live", live: dataset.liveFigure }));
  const rows = Array.from({ length: Math.ceil(row.length / columns) }, (_, at) => row.slice(at * columns, (at + 1) * columns));
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    // Each selection is a dashboard of its own, also under a title that exists.
    return await ask("POST", "api/dashboards", { name: `selection-${Date.now().toString(36)}`, title: name, rows });
  } catch (error) {
    return fail(error.message);
  } finally {
    button.disabled = false;
  }
}

function fail(message) {
  const box = form.querySelector(".error");
  box.textContent = message;
  box.hidden = !message;
  form.elements.title.toggleAttribute("aria-invalid", Boolean(message));
  if (message) form.elements.title.focus();
  return null;
}
