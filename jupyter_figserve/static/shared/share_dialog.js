// The share dialog: creates a link and shows it with snippets to copy; links that exist can be copied, too.
import { ask } from "./api.js";
import { enable } from "./copy.js";
import { copyAddress } from "./copy_address.js";
import { formatDay } from "./times.js";

const dialog = document.getElementById("share");
const form = dialog.querySelector("form");
const result = dialog.querySelector(".share-result");
const errorBox = form.querySelector(".error");
const LABELS = { url: "Link", image_url: "Image", markdown: "Markdown", html: "HTML", iframe: "iframe", latex: "LaTeX" };
const MAX_EXISTING = 3;
let links = null;
let made = null;

/** Open the dialog for the resource whose links are at `path`; `done` is called on closing, if a link was created. */
export function share(path, name, done = () => {}) {
  links = path;
  made = null;
  form.reset();
  showDate();
  form.hidden = false;
  result.hidden = true;
  errorBox.hidden = true;
  dialog.querySelector("[data-fill=name]").textContent = `“${name}”`;
  dialog.addEventListener("close", () => made && done(made), { once: true });
  dialog.showModal();
  showExisting(path);
}

/** List the newest open links of the resource. */
async function showExisting(path) {
  const box = form.querySelector(".existing");
  box.hidden = true;
  // Without the list, a link can still be created.
  const { links: found } = await ask("GET", path).catch(() => ({ links: [] }));
  if (path !== links) return;
  const open = found.filter((link) => isOpen(link)).slice(0, MAX_EXISTING);
  box.querySelector("ul").replaceChildren(...open.map(existing));
  box.hidden = !open.length;
}

function isOpen(link) {
  const isUsedUp = link.views !== null && link.seen >= link.views;
  return !link.paused && !isUsedUp && (link.expires === null || new Date(link.expires) > new Date());
}

function existing(link) {
  const row = dialog.querySelector("#open-link").content.cloneNode(true).firstElementChild;
  row.querySelector("[dir]").textContent = link.label || "No label";
  const expiry = link.expires === null ? "never expires" : `expires ${formatDay(link.expires)}`;
  row.querySelector(".meta").textContent = (link.version ? `shows version ${link.version} · ` : "") + expiry;
  row.querySelector(".visually-hidden").textContent = ` ${link.label || "the unlabelled link"}`;
  const button = row.querySelector("button");
  button.addEventListener("click", async () => {
    try {
      await copyAddress(link.id, button);
    } catch (error) {
      errorBox.textContent = error.message;
      errorBox.hidden = false;
    }
  });
  return row;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    made = await ask("POST", links, readForm());
    show(made);
  } catch (error) {
    errorBox.textContent = error.message;
    errorBox.hidden = false;
  }
  button.disabled = false;
  if (!made) button.focus();
});

dialog.addEventListener("click", (event) => {
  // The dialog element itself is the target only on its backdrop.
  if (event.target.closest("[data-close]") || (event.target === dialog && !made)) dialog.close();
});

form.elements.expires.addEventListener("change", () => showDate());

/** The field for a date belongs to one of the choices. */
function showDate() {
  const { expires, date } = form.elements;
  const field = date.closest("label");
  field.hidden = expires.value !== "date";
  if (!field.hidden) date.focus();
}

/** When the link expires: a duration, or the end of a day in this browser's time zone. */
function readExpiry(given) {
  if (given.get("expires") !== "date") return given.get("expires");
  if (!given.get("date")) throw new Error("Choose the last day on which the link opens.");
  return new Date(`${given.get("date")}T23:59:59`).toISOString();
}

function readForm() {
  const given = new FormData(form);
  const views = given.get("views").trim();
  if (views && !/^[0-9]{1,7}$/.test(views)) throw new Error("Enter a whole number as the view limit, or leave it blank.");
  const allow = given.getAll("allow");
  return {
    expires: readExpiry(given), label: given.get("label"),
    ...(views && { views: Number(views) }), ...(allow.length && { allow }),
  };
}

function show(link) {
  const list = result.querySelector(".snippets-list");
  const texts = { ...link.snippets, image_url: link.image_url };
  list.replaceChildren(...Object.keys(LABELS).filter((kind) => texts[kind]).map((kind) => snippet(kind, texts[kind])));
  const note = result.querySelector(".note");
  note.hidden = !link.note;
  note.textContent = link.note ?? "";
  result.querySelector("[data-open]").href = link.url;
  form.hidden = true;
  result.hidden = false;
  list.querySelector("button").focus();
}

function snippet(kind, text) {
  const row = dialog.querySelector("#snippet").content.cloneNode(true).firstElementChild;
  const label = row.querySelector(".snippet-label");
  label.textContent = LABELS[kind];
  label.id = `share-${kind}`;
  const code = row.querySelector("code");
  code.textContent = text;
  code.setAttribute("aria-labelledby", label.id);
  row.querySelector(".visually-hidden").textContent = ` ${LABELS[kind]}`;
  enable(row.querySelector("button"), document.getElementById("copied"));
  return row;
}
