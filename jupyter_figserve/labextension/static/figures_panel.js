// The panel with all figures: thumbnails, search as you type, and dragging into Markdown cells.
import { makeButton, makeElement } from "./elements.js";
import { enableDrops, insertFigure, startDrag } from "./figure_drag.js";

const PAGE_SIZE = 30;
const TYPING_PAUSE = 200;
const REFRESH_PAUSE = 500;
const REOPEN_AFTER = 5_000;
const KINDS = ["figure.published", "figure.changed", "figure.deleted", "figure.restored", "service.connected"];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];

export class FiguresPanel {
  constructor(app, node, server, notebooks) {
    this._server = server;
    this._insert = (record) => insertFigure(app, notebooks, record, server);
    this._events = null;
    this._reopening = null;
    this._request = 0;
    this._shown = PAGE_SIZE;
    this._search = makeElement("input", {
      type: "search", placeholder: "Search figures", autocomplete: "off", className: "figserve-field", "aria-label": "Search figures",
    });
    this._search.addEventListener("input", debounce(() => { this._shown = PAGE_SIZE; this.refresh(); }, TYPING_PAUSE));
    this._gallery = makeElement("a", { href: server.url(""), target: "_blank", rel: "noopener", textContent: "Open gallery" });
    this._status = makeElement("p", { className: "figserve-note", role: "status" });
    this._list = makeElement("ul", { className: "figserve-cards", "aria-label": "Figures" });
    this._more = makeButton("Show more", () => { this._shown += PAGE_SIZE; this.refresh(); }, { hidden: true, className: "figserve-more" });
    const head = makeElement("div", { className: "figserve-head" }, this._search, this._gallery);
    node.append(head, this._status, this._list, this._more);
    enableDrops(app);
  }

  show() {
    this.refresh();
    this._listen();
  }

  hide() {
    clearTimeout(this._reopening);
    this._events?.close();
    this._events = null;
  }

  focus() {
    this._search.focus();
  }

  /** Load the list again; of several running requests only the last is shown. */
  async refresh() {
    const request = ++this._request;
    const text = this._search.value.trim();
    let found;
    try {
      found = await this._find(new URLSearchParams({ limit: this._shown, ...(text && { q: text }) }));
    } catch (error) {
      if (request === this._request) this._fail(error);
      return;
    }
    if (request !== this._request) return;
    this._fill(found.figures, text);
    if (found.note) this._say(found.note);
    this._more.hidden = !found.next;
  }

  /** The newest figures: on a JupyterHub, those at its service, where kernels publish, and those of the own server. */
  async _find(query) {
    const ask = (at) => this._server.ask("GET", `api/figures?${at}${query}`);
    // Without an answer of the service, what is here can still be found.
    const first = await ask("at=service&").catch((error) => error);
    if (first instanceof Error && first.code !== "team_server_unreachable") throw first;
    if (first instanceof Error) return { ...(await ask("")), note: first.message };
    if (!first.server) return first;
    const own = await ask("");
    this._atService(first);
    // A figure that was shared is at both.
    const known = new Set(first.figures.map((record) => record.name));
    const theirs = first.figures.map((record) => ({ ...record, server: first.server }));
    const all = [...theirs, ...own.figures.filter((record) => !known.has(record.name) || record.origin !== "captured")];
    all.sort((one, other) => new Date(other.updated) - new Date(one.updated));
    return { figures: all.slice(0, this._shown), next: first.next || own.next || all.length > this._shown };
  }

  /** Lead to the gallery of the service. */
  _atService({ server, figures }) {
    const { url } = figures[0] ?? {};
    this._gallery.href = url ? url.slice(0, url.lastIndexOf("figures/")) : new URL(`${new URL(server).pathname}/`, document.baseURI).href;
  }

  _fill(figures, text) {
    const known = new Map([...this._list.children].map((card) => [card.dataset.state, card]));
    const cards = figures.map((record) => known.get(stateOf(record)) ?? makeCard(record, this._server, this._insert));
    const focused = this._list.querySelector("a:focus")?.href;
    this._list.replaceChildren(...cards);
    if (focused) [...this._list.querySelectorAll("a")].find((link) => link.href === focused)?.focus();
    const none = text ? "No figures match your search." : "No figures yet. Run figserve.publish(fig) in a notebook, or share a displayed figure by its menu.";
    this._say(figures.length ? "" : none);
  }

  _fail(error) {
    this._list.replaceChildren();
    this._more.hidden = true;
    this._say(`The figures cannot be listed. ${error.message} `);
    this._status.append(makeButton("Try again", () => this.refresh()));
  }

  _say(message) {
    this._status.textContent = message;
    this._status.hidden = !message;
  }

  /** Follow new figures, also at a Hub's service, while the panel is visible: browsers open few connections to a server. */
  _listen() {
    if (this._events) return;
    this._events = new EventSource(this._server.url("api/events?at=service"));
    // The browser connects again by itself, but gives up after an error response.
    this._events.addEventListener("error", () => {
      if (this._events?.readyState !== EventSource.CLOSED) return;
      this.hide();
      this._reopening = setTimeout(() => this.show(), REOPEN_AFTER);
    });
    const refresh = debounce(() => this._events && this.refresh(), REFRESH_PAUSE);
    for (const kind of KINDS) this._events.addEventListener(kind, refresh);
  }
}

function stateOf(record) {
  return `${record.id} ${record.version} ${record.updated} ${record.title}`;
}

function makeCard(record, server, insert) {
  const name = record.title || record.name;
  const place = [record.notebook ?? record.collection, formatAge(record.updated)].filter(Boolean).join(" · ");
  const link = makeElement("a", {
    href: record.server ? record.url : server.url(`figures/${record.id}`), target: "_blank", rel: "noopener", draggable: true,
    title: "Open the figure's page, or drag it into a Markdown cell",
  }, preview(record, server), makeElement("span", { className: "figserve-name", textContent: name, dir: "auto" }), makeElement("span", { className: "figserve-place", textContent: place }));
  link.addEventListener("dragstart", (event) => startDrag(event, record, server));
  const button = makeButton("Insert", () => insert(record), {
    className: "figserve-insert", title: "Insert into the selected Markdown cell, or below the selected cell", "aria-label": `Insert ${name} into the notebook`,
  });
  return makeElement("li", { "data-state": stateOf(record) }, link, button);
}

function preview(record, server) {
  const image = record.representations.find((part) => part.mimetype.startsWith("image/") && part.mimetype !== "image/tiff");
  const address = record.thumbnail ?? image?.url;
  if (!address) {
    const suffix = record.representations[0]?.mimetype.split("/").at(-1) ?? "file";
    return makeElement("span", { className: "figserve-file", textContent: suffix.toUpperCase() });
  }
  const url = new URL(server.own(address));
  // Another address for each version, so that the browser does not keep the old image.
  url.searchParams.set("_v", record.version);
  return makeElement("img", { src: url.href, alt: "", loading: "lazy", decoding: "async", draggable: false });
}

function formatAge(text) {
  const seconds = (Date.now() - new Date(text)) / 1000;
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? [];
  return unit ? relative.format(-Math.trunc(seconds / size), unit) : "just now";
}

function debounce(run, pause) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, pause);
  };
}
