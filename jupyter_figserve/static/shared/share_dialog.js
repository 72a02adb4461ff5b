// The share dialog: creates a link and shows it once, with snippets to copy.
import { ask } from "./api.js";
import { enable } from "./copy.js";

const dialog = document.getElementById("share");
const form = dialog.querySelector("form");
const result = dialog.querySelector(".share-result");
const errorBox = form.querySelector(".error");
const LABELS = { url: "Link", image_url: "Image", markdown: "Markdown", html: "HTML", iframe: "iframe", latex: "LaTeX" };
let links = null;
let made = null;

/** Open the dialog for the resource whose links are at `path`; `done` is called on closing, if a link was created. */
export function share(path, name, done = () => {}) {
  links = path;
  made = null;
  form.reset();
  form.hidden = false;
  result.hidden = true;
  errorBox.hidden = true;
  dialog.querySelector("[data-fill=name]").textContent = `“${name}”`;
  dialog.addEventListener("close", () => made && done(made), { once: true });
  dialog.showModal();
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

function readForm() {
  const given = new FormData(form);
  // Live figures have parameters instead of a view limit.
  const views = given.get("views")?.trim();
  if (views && !/^[0-9]{1,7}$/.test(views)) throw new Error("Enter a whole number as the view limit, or leave it blank.");
  const allow = given.getAll("allow");
  return {
    expires: given.get("expires"), label: given.get("label"),
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
