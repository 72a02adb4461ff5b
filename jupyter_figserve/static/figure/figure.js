// A figure's page: sharing, links, editing, deletion, and live updates of new versions.
import { ask, fetchPage } from "./api.js";
import { compare } from "./compare.js";
import { exchange } from "./focus.js";
import { swap } from "./image.js";
import { workLinks } from "./link_rows.js";
import { leave, remove } from "./deletion.js";
import { share } from "./share_dialog.js";
import { listen } from "./events.js";
import { announce, toast } from "./toast.js";
import { enter } from "./scripted.js";
import { inTurn, throttle } from "./turns.js";

const main = document.getElementById("main");
const form = document.getElementById("edit");
const figure = main.dataset.figure;
const comparison = compare(main.querySelector(".comparison"));
const update = inTurn(load);
const isPinned = new URLSearchParams(location.search).has("version");
let isDeleted = false;
let putBack = () => {};

main.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("share" in button.dataset) share(`api/figures/${figure}/links`, main.dataset.name, refresh);
  if ("edit" in button.dataset) edit(form.hidden);
  if ("cancel" in button.dataset) edit(false);
  if ("delete" in button.dataset) remove(`api/figures/${figure}`, main.dataset.name, depart, come);
});
workLinks(main, update);

function edit(open) {
  form.hidden = !open;
  const button = main.querySelector("[data-edit]");
  button.setAttribute("aria-expanded", String(open));
  if (open) form.elements.title.focus();
  else button.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const errorBox = form.querySelector(".error");
  errorBox.hidden = true;
  try {
    await ask("PATCH", `api/figures/${figure}`, Object.fromEntries(new FormData(form)));
  } catch (error) {
    errorBox.textContent = error.message;
    errorBox.hidden = false;
    return;
  }
  edit(false);
  await update();
  announce("Saved.");
});

/** Show that the figure is deleted. */
function depart() {
  isDeleted = true;
  putBack = leave(main);
  return () => { isDeleted = false; putBack(); };
}

async function come() {
  isDeleted = false;
  putBack();
  await update();
}

/** Refresh the page from the server; an image is replaced in place. */
async function load() {
  if (isDeleted) return;
  let fresh;
  try {
    fresh = await fetchPage(location.href);
  } catch (error) {
    if (!isDeleted) toast(error.message, { isError: true });
    return;
  }
  enter(fresh);
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const ours = main.querySelector(`[data-live="${part.dataset.live}"]`);
    const [old, image] = [ours, part].map((one) => one?.querySelector("img.figure-image"));
    if (part.dataset.live === "panes" && old && image && ours.querySelectorAll("figure").length === 1) {
      await swap(old, image);
      old.closest("a").href = image.closest("a").getAttribute("href");
      const caption = part.querySelector("figcaption");
      ours.querySelector("figcaption")?.remove();
      if (caption) ours.querySelector("figure").append(caption);
    } else if (ours) {
      keepOpen(ours, part);
      exchange(ours, part);
    }
  }
  comparison.renew();
  const shown = fresh.getElementById("main").dataset;
  Object.assign(main.dataset, { name: shown.name, version: shown.version });
  document.title = fresh.title;
}

/** Open the parts of `fresh` that are open in `old`. */
function keepOpen(old, fresh) {
  for (const one of old.querySelectorAll("details[open]")) {
    const same = fresh.querySelector(`details.${one.className}`);
    if (same) same.open = true;
  }
}

/** A pinned version stays; offer the newer one. */
function offer(version) {
  const show = () => { location.search = ""; };
  toast(`Version ${version} was published.`, { action: { label: "Show it", run: show } });
}

const refresh = throttle(update, 300);

listen((kind, data) => {
  if (kind === "reconnected") refresh();
  if (data?.figure !== figure) return;
  if (kind === "figure.deleted" && !isDeleted) depart();
  if (kind === "figure.restored" && isDeleted) come();
  if (kind === "figure.published" || kind === "figure.changed") {
    if (kind === "figure.published") announce(`Version ${data.version} was published.`);
    if (isPinned && kind === "figure.published") offer(data.version);
    refresh();
  }
});

enter(document);
