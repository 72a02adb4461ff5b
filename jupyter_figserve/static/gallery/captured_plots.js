// Captured plots of running sessions: a collapsed list for each session, loaded when it is opened.
import { ask, prefix } from "./api.js";
import { throttle } from "./events.js";
import { announce, toast } from "./toast.js";

const MAX_PLOTS = 60;
/** Plots kept from this page; their originals remain until the session ends. */
const kept = new Set();

/** Manage the element `place`; `entered` is called once a plot is kept as a figure. */
export function captured(place, entered) {
  const refresh = throttle(update, 600);

  async function update() {
    let sessions;
    try {
      ({ sessions } = await ask("GET", "api/sessions?alive=1&limit=50"));
    } catch {
      return; // without capture there is nothing to show
    }
    const some = sessions.filter((session) => session.plots > 0);
    for (const box of [...place.children]) {
      if (!some.some((session) => session.id === box.dataset.session)) box.remove();
    }
    for (const session of some) {
      const box = [...place.children].find((one) => one.dataset.session === session.id) ?? add(session);
      box.querySelector(".count").textContent = session.plots === 1 ? "1 captured plot" : `${session.plots} captured plots`;
      if (box.open) await fill(box);
    }
    place.hidden = !place.children.length;
  }

  function add(session) {
    const box = make("details", "captured");
    box.dataset.session = session.id;
    const summary = make("summary");
    const title = make("bdi", "", session.notebook ?? "Session without a notebook");
    summary.append(make("span", "dot running"), title, " ", make("span", "meta count"));
    box.append(summary, make("ul", "cards"));
    box.addEventListener("toggle", () => box.open && fill(box));
    place.append(box);
    return box;
  }

  async function fill(box) {
    let found;
    try {
      found = await ask("GET", `plots/${encodeURIComponent(box.dataset.session)}`);
    } catch (error) {
      toast(error.message, { isError: true });
      return;
    }
    const list = box.querySelector("ul");
    const isOpen = (plot) => plot.origin !== "published" && !plot.figure && !kept.has(key(plot, box));
    const shown = new Map([...list.children].map((card) => [card.dataset.plot, card]));
    const cards = found.plots.filter(isOpen).slice(0, MAX_PLOTS).map((plot) => shown.get(key(plot, box)) ?? card(plot, box));
    if (cards.some((one, at) => list.children[at] !== one) || list.children.length !== cards.length) {
      list.replaceChildren(...cards);
    }
  }

  function card(plot, box) {
    const item = make("li", "card");
    item.dataset.plot = key(plot, box);
    const frame = make("div", "card-image");
    frame.append(plot.mimetype.startsWith("image/") || plot.still ? preview(plot, box) : documentLink(plot, box));
    const keep = make("button", "", "Keep");
    keep.type = "button";
    keep.append(make("span", "visually-hidden", ` ${plot.path}`));
    keep.addEventListener("click", () => keepPlot(plot, box, item, keep));
    const tools = make("div", "card-tools");
    tools.append(keep);
    item.append(frame, make("p", "meta", plot.path), tools);
    return item;
  }

  function preview(plot, box) {
    const image = make("img");
    const path = plot.still ? decodeURIComponent(new URL(plot.still).pathname.split("/").at(-1)) : plot.path;
    const alt = plot.alt || `Captured plot ${plot.path}`;
    return Object.assign(image, { loading: "lazy", decoding: "async", alt, src: address({ ...plot, path }, box) });
  }

  function documentLink(plot, box) {
    const link = make("a", "card-file", plot.path.split(".").at(-1).toUpperCase());
    link.append(make("span", "visually-hidden", `: open ${plot.path}`));
    return Object.assign(link, { href: address(plot, box), target: "_blank", rel: "noopener" });
  }

  async function keepPlot(plot, box, item, button) {
    // Disabling a button takes its focus away.
    const hadFocus = document.activeElement === button;
    button.disabled = true;
    try {
      const session = encodeURIComponent(box.dataset.session);
      const record = await ask("POST", `api/sessions/${session}/figures`, { path: plot.path });
      kept.add(key(plot, box));
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

function key(plot, box) {
  return `${box.dataset.session} ${plot.path} ${plot.created}`;
}

/** The plot's URL on this server, which changes when a plot of that name is drawn again. */
function address(plot, box) {
  const path = [box.dataset.session, ...plot.path.split("/")].map(encodeURIComponent).join("/");
  return new URL(`plots/${path}?_drawn=${encodeURIComponent(plot.created)}`, prefix).href;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

