// Captured plots of running sessions: a closed list for each session, whose pictures are asked for when it is opened.
import { ask } from "./api.js";
import { calmly } from "./stream.js";
import { announce, toast } from "./toast.js";

const MOST = 60;

/** Own the element `place`; `kept` is called when a plot has become a figure. */
export function captured(place, kept) {
  const refresh = calmly(update, 600);

  async function update() {
    let sessions;
    try {
      ({ sessions } = await ask("GET", "api/sessions?alive=1&limit=50"));
    } catch {
      return; // without capture there is nothing to show, and nothing to say
    }
    const some = sessions.filter((session) => session.plots > 0);
    for (const box of [...place.children]) {
      if (!some.some((session) => session.id === box.dataset.session)) box.remove();
    }
    for (const session of some) {
      const box = [...place.children].find((one) => one.dataset.session === session.id) ?? add(session);
      box.querySelector(".count").textContent = `${session.plots} captured`;
      if (box.open) await fill(box);
    }
    place.hidden = !place.children.length;
  }

  function add(session) {
    const box = make("details", "captured");
    box.dataset.session = session.id;
    const summary = make("summary");
    const title = make("bdi", "", session.notebook ?? "A session without a notebook");
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
      toast(error.message, { fault: true });
      return;
    }
    const list = box.querySelector("ul");
    const unkept = found.plots.filter((plot) => plot.origin !== "published" && !plot.figure).slice(0, MOST);
    const known = new Map([...list.children].map((card) => [card.dataset.plot, card]));
    const cards = unkept.map((plot) => known.get(plot.path + plot.created) ?? card(plot, box));
    if (cards.some((one, at) => list.children[at] !== one) || list.children.length !== cards.length) {
      list.replaceChildren(...cards);
    }
  }

  function card(plot, box) {
    const item = make("li", "card");
    item.dataset.plot = plot.path + plot.created;
    const picture = make("div", "card-picture");
    const image = make("img");
    Object.assign(image, { loading: "lazy", decoding: "async", alt: `Captured plot ${plot.path}`, src: plot.url });
    picture.append(image);
    const keep = make("button", "", "Keep");
    keep.type = "button";
    keep.append(make("span", "visually-hidden", ` ${plot.path}`));
    keep.addEventListener("click", () => keepPlot(plot, box, item, keep));
    const tools = make("div", "card-tools");
    tools.append(keep);
    item.append(picture, make("p", "meta", plot.path), tools);
    return item;
  }

  async function keepPlot(plot, box, item, button) {
    button.disabled = true;
    try {
      const record = await ask("POST", `api/sessions/${encodeURIComponent(box.dataset.session)}/figures`, { path: plot.path });
      const following = item.nextElementSibling ?? item.previousElementSibling;
      if (item.contains(document.activeElement)) (following?.querySelector("button") ?? box.querySelector("summary")).focus();
      item.remove();
      announce(`Kept ${record.title || record.name}.`);
      kept();
    } catch (error) {
      button.disabled = false;
      toast(`${plot.path} was not kept. ${error.message}`, { fault: true });
    }
  }

  if (!place) return { refresh() {} };
  refresh();
  return { refresh };
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

