// The share dialog: creates a link and shows it with snippets to copy; links that exist can be copied or changed, too.
// The pages have it in their markup; JupyterLab takes the same markup from a page and passes it to `attach`.
import { ask } from "./api.js";
import { enable } from "./copy.js";
import { copyAddress } from "./copy_address.js";
import { formatDay } from "./dates.js";
import { fillProse } from "./prose.js";
import { showQrCode } from "./qr_code.js";

const LABELS = { image_url: "Image", markdown: "Markdown", html: "HTML", iframe: "iframe", latex: "LaTeX" };
const MAX_EXISTING = 3;
/** From the narrowest to the widest. */
const AUDIENCES = ["me", "people", "hub", "link"];
/** The field that an error of the server is about, by its code. */
const FIELDS = { unknown_user: "users", unknown_group: "groups", link_too_long: "expires", audience_too_wide: "audience" };
const WHAT = { figures: "this figure, including new versions", version: "this version of the figure", live: "this live figure", dashboards: "this dashboard" };
let dialog = null;
let form = null;
let result = null;
let errorBox = null;
let links = null;
/** What the dialog was opened for: `done` is called once with the link `made`, when the dialog has closed. */
let opening = { done: () => {}, made: null };
/** The link that the form changes; null while it creates one. */
let changed = null;

/** Work with the dialog `element`. */
export function attach(element) {
  dialog = element;
  form = dialog.querySelector("form");
  result = dialog.querySelector(".share-result");
  errorBox = form.querySelector(".error");
  form.addEventListener("submit", submit);
  form.elements.expires.addEventListener("change", () => showDate());
  form.elements.audience.addEventListener("change", () => showPeople());
  dialog.addEventListener("click", (event) => {
    // The dialog element itself is the target only on its backdrop.
    const qr = event.target.closest("[data-qr]");
    if (qr && opening.made) showQrCode(opening.made.id, dialog.querySelector("[data-fill=name]").textContent.replace(/^“|”$/g, ""), qr);
    if (event.target.closest("[data-close]") || (event.target === dialog && !opening.made)) dialog.close();
  });
  // The event comes with the next frame, when the dialog may be open again.
  dialog.addEventListener("close", () => element.open || finish(opening));
  const team = result.querySelector("[data-team]");
  team.addEventListener("click", () => shareOnTeam(team));
  enable(result.querySelector(".new-link button"), result.querySelector("[role=status]"));
}

/** Open the dialog for the resource whose links are at `path`; `done` is called on closing, if a link was created. */
export function share(path, name, done = () => {}) {
  open(`“${name}”`, null, done);
  showFields(path.split("/")[1]);
  links = path;
  showExisting(path);
}

/** Open the dialog with the fields of a link, to change them; `done` is called with the changed link. */
export function change(link, name, done = () => {}) {
  open(`“${name}”`, link, done);
  links = `api/links/${link.id}`;
  showFields(link.version ? "version" : link.figure ? "figures" : link.dashboard ? "dashboards" : "live");
  const { expires, label, views, data, code } = form.elements;
  [data.checked, code.checked] = [link.data, link.code];
  expires.options[0].textContent = `unchanged (${link.expires === null ? "never" : formatDay(link.expires)})`;
  expires.value = "keep";
  label.value = link.label;
  views.value = link.views ?? "";
  showAudience(link);
}

/** Say what the link shows, one of `WHAT`, and show the fields that only links to figures have. */
function showFields(kind) {
  for (const part of form.querySelectorAll("[data-fill=what]")) part.textContent = WHAT[kind];
  const isFigure = kind === "figures" || kind === "version";
  for (const part of form.querySelectorAll("[data-figures]")) part.hidden = part.disabled = !isFigure;
  offerAudiences(isFigure ? "figures" : "others");
}

/** Offer the audiences of the server that makes the links: a JupyterHub's service makes those of figures. */
function offerAudiences(kind) {
  const { audience } = form.elements;
  for (const option of audience.options ?? []) option.hidden = option.disabled = (option.dataset.for ?? kind) !== kind;
  if (kind === "figures" && audience.dataset.figures) audience.value = audience.dataset.figures;
  showPeople();
}

/** Choose the audience of a link; one that the server no longer offers is narrowed. */
function showAudience(link) {
  const { audience, users, groups } = form.elements;
  const offered = [...(audience.options ?? [audience])].filter((option) => !option.disabled).map((option) => option.value);
  const rank = (name) => AUDIENCES.indexOf(name);
  audience.value = offered.filter((name) => rank(name) <= rank(link.audience)).at(-1) ?? "me";
  if (users) [users.value, groups.value] = [link.users.join(", "), link.groups.join(", ")];
  showPeople();
}

function open(name, link, done) {
  finish(opening);
  opening = { done, made: null };
  changed = link;
  form.reset();
  showDate();
  showPeople();
  form.hidden = false;
  result.hidden = true;
  hideError();
  for (const part of form.querySelectorAll("[data-only]")) {
    part.hidden = (part.dataset.only === "change") !== Boolean(link);
    // Safari shows hidden options.
    if (part.tagName === "OPTION") part.disabled = part.hidden;
  }
  form.querySelector(".existing").hidden = true;
  dialog.querySelector("[data-fill=name]").textContent = name;
  dialog.showModal();
  form.elements.expires.focus();
}

/** Tell who opened the dialog which link was made. */
function finish(one) {
  const { done, made } = one;
  if (!made) return;
  one.done = () => {};
  done(made);
}

/** Whether the dialog still shows what it was opened for before an answer of the server came. */
function isShown(one) {
  return one === opening && dialog.open;
}

/** List the newest open links of the resource. */
async function showExisting(path) {
  const ours = opening;
  const box = form.querySelector(".existing");
  box.hidden = true;
  // Without the list, a link can still be created.
  const { links: found } = await ask("GET", path).catch(() => ({ links: [] }));
  if (ours !== opening) return;
  const shown = found.filter((link) => isOpen(link)).slice(0, MAX_EXISTING);
  box.querySelector("ul").replaceChildren(...shown.map(makeRow));
  box.hidden = !shown.length;
}

function isOpen(link) {
  const isUsedUp = link.views !== null && link.seen >= link.views;
  return !link.paused && !isUsedUp && (link.expires === null || new Date(link.expires) > new Date());
}

function makeRow(link) {
  const row = dialog.querySelector("#open-link").content.cloneNode(true).firstElementChild;
  row.querySelector("[dir]").textContent = link.label || "No label";
  const expiry = link.expires === null ? "never expires" : `expires ${formatDay(link.expires)}`;
  const version = link.version ? `shows version ${link.version} · ` : "";
  const shown = [link.data && " · with data", link.code && " · with code"].filter(Boolean).join("");
  row.querySelector(".meta").textContent = `${version}for ${forWhom(link)} · ${expiry}${shown}`;
  row.querySelector(".visually-hidden").textContent = ` ${link.label || "the unlabelled link"}`;
  const button = row.querySelector("button");
  button.addEventListener("click", async () => {
    try {
      await copyAddress(link.id, button);
    } catch (error) {
      showError(error);
    }
  });
  return row;
}

/** Whom a link is for, in words. */
function forWhom({ audience, users, groups }) {
  if (audience !== "people") return { hub: "everyone on this hub", link: "anyone with the link" }[audience] ?? "you only";
  return [...users, ...groups.map((name) => `group ${name}`)].join(", ");
}

async function submit(event) {
  event.preventDefault();
  const button = form.querySelector("[type=submit]:not([hidden])");
  const ours = opening;
  button.disabled = true;
  hideError();
  try {
    ours.made = await ask(changed ? "PATCH" : "POST", links, readForm());
    if (!isShown(ours)) finish(ours);
    else if (changed) dialog.close();
    else show(ours.made);
  } catch (error) {
    if (isShown(ours)) showError(error);
  }
  button.disabled = false;
  if (isShown(ours) && !ours.made) (form.querySelector("[aria-invalid]") ?? button).focus();
}

/** Show an error below its field, else above the buttons. */
function showError(error) {
  hideError();
  const field = form.elements[error.field ?? FIELDS[error.code]];
  const label = field?.closest("label:not([hidden])");
  if (label) {
    label.after(errorBox);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", errorBox.id);
  }
  errorBox.textContent = error.message;
  errorBox.hidden = false;
}

function hideError() {
  const field = form.querySelector("[aria-invalid]");
  field?.removeAttribute("aria-invalid");
  field?.removeAttribute("aria-describedby");
  form.querySelector(".buttons").before(errorBox);
  errorBox.hidden = true;
}

/** The error of a field that is filled in wrongly. */
function makeError(field, message) {
  return Object.assign(new Error(message), { field });
}

/** The field for a date belongs to one of the choices. */
function showDate() {
  const { expires, date } = form.elements;
  const field = date.closest("label");
  field.hidden = expires.value !== "date";
  if (!field.hidden) date.focus();
}

/** What depends on the audience: who can view it, and the fields for people. */
function showPeople() {
  const { audience } = form.elements;
  for (const part of form.querySelectorAll("[data-audience]")) part.hidden = part.dataset.audience !== audience.value;
}

/** Whom the link is for, as fields of a request. */
function readAudience(given) {
  const audience = given.get("audience");
  if (audience !== "people") return { audience };
  const [users, groups] = ["users", "groups"].map((name) => given.get(name).split(",").map((one) => one.trim()).filter(Boolean));
  if (!users.length && !groups.length) throw makeError("users", "Name the users or groups that can open the link.");
  return { audience, users, groups };
}

/** When the link expires: a duration, or the end of a day in this browser's time zone. */
function readExpiry(given) {
  if (given.get("expires") !== "date") return given.get("expires");
  if (!given.get("date")) throw makeError("date", "Choose the last day on which the link opens.");
  return new Date(`${given.get("date")}T23:59:59`).toISOString();
}

function readForm() {
  const given = new FormData(form);
  const views = given.get("views").trim();
  const shown = form.querySelector("[data-figures]").disabled ? {} : { data: given.has("data"), code: given.has("code") };
  if (views && !/^[0-9]{1,7}$/.test(views)) throw makeError("views", "Enter a whole number as the view limit, or leave it blank.");
  if (changed) {
    const expires = given.get("expires") !== "keep" && { expires: readExpiry(given) };
    return { label: given.get("label"), views: views ? Number(views) : null, ...shown, ...readAudience(given), ...expires };
  }
  const allow = given.getAll("allow");
  return {
    expires: readExpiry(given), label: given.get("label"), ...shown, ...readAudience(given),
    ...(views && { views: Number(views) }), ...(allow.length && { allow }),
  };
}

function show(link) {
  result.querySelector(".new-link code").textContent = link.url;
  const texts = { ...link.snippets, image_url: link.image_url };
  const rows = Object.keys(LABELS).filter((kind) => texts[kind]).map((kind) => snippet(kind, texts[kind]));
  const embed = result.querySelector("details");
  embed.open = false;
  embed.querySelector(".snippets-list").replaceChildren(...rows);
  const note = result.querySelector(".note");
  note.hidden = !link.note;
  fillProse(note, link.note ?? "");
  showTeam(link);
  result.querySelector("[data-open]").href = link.url;
  form.hidden = true;
  result.hidden = false;
  result.querySelector(".new-link button").focus();
}

/** Offer the team's server, where the link reaches nobody. */
function showTeam(link) {
  const offer = result.querySelector(".team");
  const team = link.reach?.team;
  offer.hidden = !team;
  if (team) offer.querySelector("button span").textContent = new URL(team).host;
}

/** Publish and share on the team's server, with the fields of the form; that link takes the place of this one. */
async function shareOnTeam(button) {
  const ours = opening;
  button.disabled = true;
  const note = result.querySelector(".note");
  try {
    ours.made = await ask("POST", links, { ...readForm(), server: ours.made.reach.team });
    if (isShown(ours)) show(ours.made);
    else finish(ours);
  } catch (error) {
    fillProse(note, error.message);
    note.hidden = false;
  }
  button.disabled = false;
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
  enable(row.querySelector("button"), result.querySelector("[role=status]"));
  return row;
}

const own = document.getElementById("share");
if (own) attach(own);
