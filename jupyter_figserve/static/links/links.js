// The page of all links of an owner: filter, and copy, change, pause, resume or revoke one or several.
import { ask, fetchPage } from "./api.js";
import { exchange } from "./focus.js";
import { isSure, workLinks } from "./link_rows.js";
import { enter } from "./scripted.js";
import { toast } from "./toast.js";
import { inTurn } from "./turns.js";

const main = document.getElementById("main");
const all = document.getElementById("all");
const filter = document.getElementById("filter");
const states = document.getElementById("states");
const CHANGES = { pause: ["PATCH", { paused: true }], resume: ["PATCH", { paused: false }], revoke: ["DELETE"] };
const DONE = { pause: "Paused", resume: "Resumed", revoke: "Revoked" };
const update = inTurn(load);

workLinks(main, update);
filter?.form.addEventListener("submit", (event) => event.preventDefault());
filter?.addEventListener("input", show);
states?.addEventListener("change", show);
all?.addEventListener("change", () => {
  for (const row of rows()) row.querySelector("[name=link]").checked = all.checked && !row.hidden;
  count();
});
main.addEventListener("change", (event) => { if (event.target.name === "link") count(); });
main.querySelector(".bulk")?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-bulk]");
  if (button) changeSelected(button);
});

function rows() {
  return [...main.querySelectorAll("[data-link]")];
}

function selected() {
  return rows().filter((row) => row.querySelector("[name=link]").checked);
}

/** Show the rows that match the filter; those that are hidden are not selected. */
function show() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows()) {
    const text = row.firstElementChild.nextElementSibling.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word)) || (states.value !== "" && row.dataset.state !== states.value);
    if (row.hidden) row.querySelector("[name=link]").checked = false;
  }
  document.getElementById("none").hidden = rows().some((row) => !row.hidden);
  count();
}

/** Say how many are selected, and enable what can be done with them. */
function count() {
  const shown = rows().filter((row) => !row.hidden);
  const chosen = selected();
  all.checked = chosen.length > 0 && chosen.length === shown.length;
  all.indeterminate = chosen.length > 0 && chosen.length < shown.length;
  document.getElementById("selected").textContent = chosen.length ? `${chosen.length} selected` : "Select all";
  const has = (state) => chosen.some((row) => row.dataset.state === state);
  const possible = { pause: has("open"), resume: has("paused"), revoke: chosen.length > 0 };
  for (const button of main.querySelectorAll("[data-bulk]")) button.disabled = !possible[button.dataset.bulk];
}

async function changeSelected(button) {
  const kind = button.dataset.bulk;
  const wanted = { pause: "open", resume: "paused" }[kind];
  const chosen = selected().filter((row) => wanted === undefined || row.dataset.state === wanted);
  const links = chosen.length === 1 ? "1 link" : `${chosen.length} links`;
  if (kind === "revoke" && !isSure(button, `Really revoke ${links}`, "Press again to revoke permanently.")) return;
  const failures = [];
  for (const row of chosen) {
    try {
      const [method, body] = CHANGES[kind];
      await ask(method, `api/links/${row.dataset.link}`, body);
    } catch (error) {
      failures.push(`${row.dataset.name}: ${error.message}`);
    }
  }
  if (failures.length) toast(`${failures.length} of ${links} failed. ${failures[0]}`, { isError: true });
  else toast(`${DONE[kind]} ${links}.`);
  await update();
}

/** Refresh the list from the server; filter and selection stay. */
async function load() {
  try {
    const fresh = await fetchPage(location.href);
    const list = fresh.querySelector("[data-live=links]");
    if (!list) return location.reload();
    const chosen = new Set(selected().map((row) => row.dataset.link));
    enter(fresh);
    for (const box of list.querySelectorAll("[name=link]")) box.checked = chosen.has(box.value);
    exchange(main.querySelector("[data-live=links]"), list);
    show();
  } catch (error) {
    toast(error.message, { isError: true });
  }
}

enter(document);
if (all) count();
