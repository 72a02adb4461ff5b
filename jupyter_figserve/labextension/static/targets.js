// From an output's element to what it belongs to: its model, its cell, its notebook and kernel.
import { findDisplayed } from "./displayed_figure.js";

export const OUTPUT = ".jp-OutputArea-child";
const AREAS = ["main", "right", "left"];

/** A displayed figure. */
export class Target {
  constructor(app, area, index, path) {
    this._app = app;
    this._area = area;
    this._index = index;
    this._path = path;
  }

  /** The element of the output. */
  get node() {
    return this._area.widgets[this._index].node;
  }

  /** What the output shows now, or null when it is no figure. */
  get displayed() {
    return displayedAt(this._area, this._index);
  }

  get kernel() {
    return this._session?.session?.kernel?.id ?? null;
  }

  /** The notebook's path, or null outside a notebook. */
  get notebook() {
    const main = this._path[0];
    // Without the drive, as in "RTC:work.ipynb".
    const path = this._app.serviceManager.contents.localPath(main.context?.path ?? main.content?.path ?? "");
    return path.endsWith(".ipynb") ? path : null;
  }

  /** The language of a notebook's kernel, in lower case, or "". */
  get language() {
    return (this._path[0].content?.model?.defaultKernelLanguage ?? "").toLowerCase();
  }

  /** The number in the cell's brackets, or null. */
  get count() {
    const cell = this._path.find((widget) => widget.model?.type === "code");
    const output = this._area.model.get(this._index);
    return cell?.model.executionCount ?? output?.executionCount ?? null;
  }

  /** The place among the figures of the cell, from 1. */
  get position() {
    let position = 1;
    for (let index = 0; index < this._index; index++) if (displayedAt(this._area, index)) position += 1;
    return position;
  }

  get _session() {
    const main = this._path[0];
    return main.sessionContext ?? main.context?.sessionContext ?? main.content?.sessionContext;
  }
}

/** Return the figure that the element of an output shows, or null. */
export function findTarget(app, child) {
  const path = [];
  for (const widget of widgetsAround(app, child)) {
    path.push(widget);
    const index = isOutputArea(widget) ? widget.widgets.findIndex((one) => one.node === child) : -1;
    if (index >= 0) return displayedAt(widget, index) ? new Target(app, widget, index, path) : null;
  }
  return null;
}

/** Return the Markdown cell with this element, or null. */
export function findCell(app, node) {
  for (const widget of widgetsAround(app, node)) {
    if (widget.node === node && widget.model?.type === "markdown") return widget;
  }
  return null;
}

/** Yield the widgets that contain an element, from the outermost inwards. */
function* widgetsAround(app, element) {
  let widget = [...mainWidgets(app)].find((one) => one.node.contains(element));
  while (widget) {
    yield widget;
    widget = children(widget).find((one) => one.node.contains(element));
  }
}

/** Return the last figure of the selected cell of a notebook, also of collapsed outputs, or null. */
export function lastFigureOf(app, notebooks) {
  const { activeCell: cell, currentWidget: notebook } = notebooks ?? {};
  for (const node of [...(cell?.node.querySelectorAll(OUTPUT) ?? [])].reverse()) {
    const found = findTarget(app, node);
    if (found) return found;
  }
  const area = cell?.outputArea;
  for (let index = (area?.model.length ?? 0) - 1; index >= 0; index--) {
    if (displayedAt(area, index)) return new Target(app, area, index, [notebook, cell]);
  }
  return null;
}

/** Return the figure that an output shows; Bokeh's script shows it in the HTML of the output before its own. */
function displayedAt(area, index) {
  const drawn = displayedIn(area, index + 1);
  if (drawn?.root && isPlaceOf(area, index, drawn.root)) return drawn;
  const own = displayedIn(area, index);
  return own?.root && isPlaceOf(area, index - 1, own.root) ? null : own;
}

function displayedIn(area, index) {
  const model = index < area.model.length ? area.model.get(index) : null;
  if (!model || !["display_data", "execute_result", "update_display_data"].includes(model.type)) return null;
  return findDisplayed(model.data, model.metadata);
}

/** Whether an output has the element in which a root of Bokeh is drawn. */
function isPlaceOf(area, index, root) {
  const html = index >= 0 ? area.model.get(index)?.data?.["text/html"] : null;
  return html ? [html].flat().join("").includes(`data-root-id="${root}"`) : false;
}

function* mainWidgets(app) {
  for (const area of AREAS) yield* app.shell.widgets(area);
  // Notebook has no such area, and says so in the console.
  if (app.name !== "JupyterLab") return;
  try {
    yield* app.shell.widgets("down");
  } catch {
    // JupyterLab 4.2 does not list it.
  }
}

function isOutputArea(widget) {
  return widget.node.classList.contains("jp-OutputArea") && typeof widget.model?.get === "function";
}

function children(widget) {
  // A notebook lists its cells, also those that are not in the window.
  const listed = widget.widgets;
  return listed && typeof listed[Symbol.iterator] === "function" ? [...listed] : [...widget.children()];
}
