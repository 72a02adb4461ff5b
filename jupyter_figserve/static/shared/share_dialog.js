// The share dialog: makes a link and shows it, once, with what can be pasted.
import { ask } from "./api.js";
import { enable } from "./copy.js";

const dialog = document.getElementById("share");
const form = dialog.querySelector("form");
const result = dialog.querySelector(".share-result");
const fault = form.querySelector(".fault");
const WORDS = { url: "Link", image_url: "Picture", markdown: "Markdown", html: "HTML", iframe: "iframe", latex: "LaTeX" };
let links = null;
let made = null;

/** Open the dialog for what has its links at `path`; `done` is called after it has closed, if a link was made. */
export function share(path, name, done = () => {}) {
  links = path;
  made = null;
  form.reset();
  form.hidden = false;
  result.hidden = true;
  fault.hidden = true;
  dialog.querySelector("[data-fill=name]").textContent = `“${name}”`;
  dialog.addEventListener("close", () => made && done(made), { once: true });
  dialog.showModal();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    made = await ask("POST", links, wishes());
    show(made);
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
  }
  button.disabled = false;
  if (!made) button.focus();
});

dialog.addEventListener("click", (event) => {
  // The dialog itself is hit only outside its content, on the backdrop.
  if (event.target.closest("[data-close]") || (event.target === dialog && !made)) dialog.close();
});

function wishes() {
  const given = new FormData(form);
  // What is drawn by a function has no count of views, but parameters.
  const views = given.get("views")?.trim();
  if (views && !/^[0-9]{1,7}$/.test(views)) throw new Error("The number of views is a whole number, or empty.");
  const allow = given.getAll("allow");
  return {
    expires: given.get("expires"), label: given.get("label"),
    ...(views && { views: Number(views) }), ...(allow.length && { allow }),
  };
}

function show(link) {
  const list = result.querySelector(".snippets-list");
  const texts = { ...link.snippets, image_url: link.image_url };
  list.replaceChildren(...Object.keys(WORDS).filter((kind) => texts[kind]).map((kind) => snippet(kind, texts[kind])));
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
  label.textContent = WORDS[kind];
  label.id = `share-${kind}`;
  const code = row.querySelector("code");
  code.textContent = text;
  code.setAttribute("aria-labelledby", label.id);
  row.querySelector(".visually-hidden").textContent = ` ${WORDS[kind]}`;
  enable(row.querySelector("button"), document.getElementById("copied"));
  return row;
}
