// Gives every displayed figure its button, which appears on hover and on keyboard focus.
import { makeElement } from "./elements.js";
import { findTarget, OUTPUT } from "./targets.js";

const MARKED = "figserve-figure";
const SHOWN = "img, svg, canvas, .js-plotly-plot, iframe, .vega-embed, [data-root-id] > *";
const MARGIN = 6;

export class FigureMarker {
  /** `open(child, button)` is called when the button of the output `child` is pressed. */
  constructor(app, icon, open) {
    this._app = app;
    this._icon = icon;
    this._open = open;
    this._pending = new Set();
    this._sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => this._place(target.closest(`.${MARKED}`))));
    this._widths = new ResizeObserver((entries) => entries.forEach(({ target }) => this._place(target)));
  }

  start() {
    const observer = new MutationObserver((records) => {
      for (const { target, addedNodes } of records) {
        this._note(target);
        for (const node of addedNodes) {
          if (node.nodeType !== Node.ELEMENT_NODE) continue;
          // Also the output before it, where it may be drawn.
          if (node.matches(OUTPUT)) [node.previousElementSibling ?? node, node].forEach((child) => this._note(child));
          else node.querySelectorAll(OUTPUT).forEach((child) => this._note(child));
        }
      }
    });
    observer.observe(document.body, { childList: true, subtree: true });
    document.querySelectorAll(OUTPUT).forEach((child) => this._note(child));
    window.addEventListener("keydown", (event) => this._press(event), true);
  }

  /** Open the menu by the keyboard, before the notebook's command mode takes the key; its other shortcuts stay. */
  _press(event) {
    const hasModifier = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    const isOurs = event.target.classList?.contains("figserve-button");
    if (!isOurs || hasModifier || !["Enter", " ", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this._open(event.target.closest(OUTPUT), event.target);
  }

  /** Look at the output of an element, once everything that changes with it has changed. */
  _note(node) {
    const child = node.closest?.(OUTPUT);
    if (!child) return;
    if (!this._pending.size) requestAnimationFrame(() => this._look());
    this._pending.add(child);
  }

  _look() {
    const children = [...this._pending];
    this._pending.clear();
    for (const child of children) {
      if (!child.isConnected) continue;
      const isFigure = findTarget(this._app, child) !== null;
      const tools = child.querySelector(":scope > .figserve-tools");
      child.classList.toggle(MARKED, isFigure);
      if (isFigure && !tools) this._add(child);
      if (!isFigure) tools?.remove();
      if (isFigure) this._follow(child);
    }
  }

  _add(child) {
    const button = makeElement("button", {
      type: "button", className: "figserve-button", title: "Share, copy or download this figure",
      "aria-label": "Figure menu: share, copy or download this figure", "aria-haspopup": "menu",
    });
    this._icon.element({ container: button, elementPosition: "center", width: "16px", height: "16px" });
    button.addEventListener("click", () => this._open(child, button));
    child.append(makeElement("div", { className: "figserve-tools" }, button));
    this._widths.observe(child);
  }

  _follow(child) {
    const shown = findShown(child);
    if (shown) this._sizes.observe(shown);
    if (shown?.localName === "iframe") forwardContextMenu(shown);
    this._place(child);
  }

  /** Put the button beside the figure or, without room there, into the corner where libraries have no buttons of their own. */
  _place(child) {
    const tools = child?.querySelector(":scope > .figserve-tools");
    if (!tools) return;
    const shown = findShown(child);
    const [outer, inner] = [child, shown ?? child].map((element) => element.getBoundingClientRect());
    const { offsetWidth: width, offsetHeight: height } = tools;
    const isBeside = outer.right - inner.right >= width + 2 * MARGIN;
    const isImage = shown?.tagName === "IMG";
    const left = isBeside ? inner.right + MARGIN : Math.min(inner.right, outer.right) - width - MARGIN;
    const top = isBeside || isImage || !shown ? inner.top + MARGIN : inner.bottom - height - MARGIN;
    tools.style.left = `${Math.max(0, left - outer.left)}px`;
    tools.style.top = `${Math.max(0, top - outer.top)}px`;
  }
}

/** The largest part of the output that shows the figure. */
function findShown(child) {
  const parts = [...child.querySelectorAll(SHOWN)].filter((part) => !part.closest(".figserve-tools"));
  const outer = parts.filter((part) => !parts.some((other) => other !== part && other.contains(part)));
  const area = (part) => {
    const { width, height } = part.getBoundingClientRect();
    return width * height;
  };
  return outer.sort((a, b) => area(b) - area(a))[0] ?? null;
}

/** Open the output's context menu also above a figure that is a document of its own, as R's SVG is. */
function forwardContextMenu(frame) {
  if (frame.dataset.figserveMenu) return;
  frame.dataset.figserveMenu = "forwarded";
  const forward = (event) => {
    event.preventDefault();
    const { left, top } = frame.getBoundingClientRect();
    const [clientX, clientY] = [left + event.clientX, top + event.clientY];
    frame.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true, button: 2, clientX, clientY }));
  };
  // Null for a frame of another origin; the same listener is added once to each document.
  const listen = () => frame.contentDocument?.addEventListener("contextmenu", forward);
  listen();
  frame.addEventListener("load", listen);
}
