// Captured plots of running sessions: one collapsed list, loaded when it is opened. It obeys the gallery's filters.
import { ask, prefix } from "./api.js";
import { announce, toast } from "./toast.js";
import { throttle } from "./turns.js";

/** Plots shown of each session. */
const MAX_PLOTS = 60;
/** Plots kept from this page; their originals remain until the session ends. */
const kept = new Set();

/** Manage the element `place`, which has the filters; `entered` is called once a plot is kept as a figure. */
export function captured(place, entered) {
  const refresh = throttle(update, 600);
  let box = null;

  async function update() {
    let sessions;
    try {
      ({ sessions } = await ask("GET", "api/sessions?alive=1&limit=50"));
    } catch {
      return; // without capture there is nothing to show
    }
    const { notebook, session, text } = place.dataset;
    const some = sessions.filter((one) => one.plots > 0
      && (!notebook || one.notebook === notebook) && (!session || one.id === session));
    // A search is about notebooks and about the plots' names, which only their lists have.
    const lists = await Promise.all(some.map((one) => (matches(one.notebook, text) ? one : search(one, text))));
    const found = lists.filter((one) => one.plots > 0);
    if (!found.length) {
      box?.remove();
      box = null;
    } else {
      box ??= open();
      show(found);
    }
    place.hidden = !box;
  }

  async function search(session, text) {
    const plots = await list(session.id).catch(() => []);
    return { ...session, plots: plots.filter((plot) => matches(plot.path, text) || matches(plot.alt, text)).length };
  }

  function open() {
    const made = make("details", "captured");
    made.append(make("summary"));
    made.addEventListener("toggle", fill);
    place.append(made);
    return made;
  }

  function show(sessions) {
    const count = sessions.reduce((sum, one) => sum + one.plots, 0);
    const plots = count === 1 ? "1 captured plot" : `${count} captured plots`;
    const from = sessions.length === 1 ? (sessions[0].notebook ?? "a session without a notebook") : `${sessions.length} running notebooks`;
    const where = make("span", "meta", " in ");
    where.append(make("bdi", "", from));
    box.querySelector("summary").replaceChildren(make("span", "dot running"), plots, where);
    const groups = new Map([...box.querySelectorAll("section")].map((group) => [group.dataset.session, group]));
    for (const [id, group] of groups) if (!sessions.some((one) => one.id === id)) group.remove();
    for (const one of sessions) if (!groups.has(one.id)) box.append(addGroup(one));
    box.dataset.sessions = sessions.length;
    fill();
  }

  function addGroup(session) {
    const group = make("section");
    group.dataset.session = session.id;
    group.dataset.notebook = session.notebook ?? "";
    const title = make("h3");
    title.append(make("bdi", "", session.notebook ?? "Session without a notebook"));
    group.append(title, make("ul", "cards"));
    return group;
  }

  async function fill() {
    if (!box?.open) return;
    await Promise.all([...box.querySelectorAll("section")].map(fillGroup));
  }

  async function fillGroup(group) {
    let plots;
    try {
      plots = await list(group.dataset.session);
    } catch (error) {
      toast(error.message, { isError: true });
      return;
    }
    const { text } = place.dataset;
    const isWhole = matches(group.dataset.notebook, text);
    const isFound = (plot) => (isWhole || matches(plot.path, text) || matches(plot.alt, text)) && !kept.has(key(plot, group));
    const target = group.querySelector("ul");
    const shown = new Map([...target.children].map((card) => [card.dataset.plot, card]));
    const cards = plots.filter(isFound).slice(0, MAX_PLOTS).map((plot) => shown.get(key(plot, group)) ?? card(plot, group));
    if (cards.some((one, at) => target.children[at] !== one) || target.children.length !== cards.length) {
      target.replaceChildren(...cards);
    }
  }

  function card(plot, group) {
    const item = make("li", "card");
    item.dataset.plot = key(plot, group);
    const frame = make("div", "card-image");
    frame.append(plot.mimetype.startsWith("image/") || plot.still ? preview(plot, group) : documentLink(plot, group));
    const keep = make("button", "", "Keep");
    keep.type = "button";
    keep.append(make("span", "visually-hidden", ` ${plot.path}`));
    keep.addEventListener("click", () => keepPlot(plot, group, item, keep));
    const tools = make("div", "card-tools");
    tools.append(keep);
    item.append(frame, make("p", "meta", plot.path), tools);
    return item;
  }

  async function keepPlot(plot, group, item, button) {
    // Disabling a button takes its focus away.
    const hadFocus = document.activeElement === button;
    button.disabled = true;
    try {
      const session = encodeURIComponent(group.dataset.session);
      const record = await ask("POST", `api/sessions/${session}/figures`, { path: plot.path });
      kept.add(key(plot, group));
      const next = item.nextElementSibling ?? item.previousElementSibling;
      if (hadFocus) (next?.querySelector("button") ?? box.querySelector("summary")).focus();
      item.remove();
      announce(`Kept ${record.title || record.name}.`);
      entered();
    } catch (error) {
      button.disabled = false;
      toast(`Could not keep ${plot.path}. ${error.message}`, { isError: true });
    }
  }

  if (!place) return { refresh() {} };
  refresh();
  return { refresh };
}

/** The plots of a session that are no figures yet. */
async function list(session) {
  const { plots } = await ask("GET", `plots/${encodeURIComponent(session)}`);
  return plots.filter((plot) => plot.origin !== "published" && !plot.figure);
}

function matches(value, text) {
  return !text || (value ?? "").toLowerCase().includes(text.toLowerCase());
}

function preview(plot, group) {
  const path = plot.still ? decodeURIComponent(new URL(plot.still).pathname.split("/").at(-1)) : plot.path;
  const alt = plot.alt || `Captured plot ${plot.path}`;
  return Object.assign(make("img"), { loading: "lazy", decoding: "async", alt, src: address({ ...plot, path }, group) });
}

function documentLink(plot, group) {
  const link = make("a", "card-file", plot.path.split(".").at(-1).toUpperCase());
  link.append(make("span", "visually-hidden", `: open ${plot.path}`));
  return Object.assign(link, { href: address(plot, group), target: "_blank", rel: "noopener" });
}

function key(plot, group) {
  return `${group.dataset.session} ${plot.path} ${plot.created}`;
}

/** The plot's URL on this server, which changes when a plot of that name is drawn again. */
function address(plot, group) {
  const path = [group.dataset.session, ...plot.path.split("/")].map(encodeURIComponent).join("/");
  return new URL(`plots/${path}?_drawn=${encodeURIComponent(plot.created)}`, prefix).href;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}
