// The entries of a figure: in the menu of its button, in the output's context menu, and in the command palette.
import { hasImage } from "./conversions.js";
import { FigureActions } from "./figure_actions.js";
import { showMessage } from "./messages.js";
import { findTarget, lastFigureOf, OUTPUT } from "./targets.js";

const FORMATS = ["png", "svg", "pdf"];
const CATEGORY = "Figures";
/** Of commands in a menu; in the palette they act on the selected cell. */
const HERE = { at: "menu" };
const id = (name) => `jupyter_figserve:${name}`;

export class FigureMenu {
  constructor({ app, server, jupyter, services, icons }) {
    this._app = app;
    this._jupyter = jupyter;
    this._services = services;
    this._icons = icons;
    this._actions = new FigureActions(server);
    /** The output whose menu is open. */
    this._child = null;
  }

  addEntries() {
    this._addCommands();
    this._downloads = this._makeDownloads();
    this._addContextMenu();
    const { palette } = this._services;
    for (const name of ["copy-link", "share", "copy-image", "open-page", "change-link", "revoke-link"]) {
      palette?.addItem({ command: id(name), category: CATEGORY });
    }
    for (const format of FORMATS) palette?.addItem({ command: id("download"), category: CATEGORY, args: { format } });
  }

  /** Open the menu of an output below its button. */
  openAt(child, button) {
    this._child = child;
    const menu = this._makeMenu();
    for (const name of ["copy-link", "share", "copy-image"]) menu.addItem({ command: id(name), args: HERE });
    menu.addItem({ type: "submenu", submenu: this._makeDownloads() });
    menu.addItem({ type: "separator" });
    menu.addItem({ command: id("open-page"), args: HERE });
    const { left, bottom } = button.getBoundingClientRect();
    button.classList.add("figserve-open");
    menu.aboutToClose.connect(() => {
      button.classList.remove("figserve-open");
      // A chosen entry may have moved the focus, as into a dialog.
      if (document.activeElement === document.body || menu.node.contains(document.activeElement)) button.focus();
    });
    menu.open(left, bottom + 2);
    menu.activeIndex = 0;
  }

  _addCommands() {
    const add = (name, label, caption, run, options = {}) => this._app.commands.addCommand(id(name), {
      label, caption, execute: (args) => this._run(args, run), ...options,
    });
    const actions = this._actions;
    add("copy-link", "Copy share link", "Create a link to the figure and copy it", (target) => actions.copyLink(target), {
      icon: (args) => (args.at ? this._icons.share : undefined),
    });
    add("share", "Share…", "Create a link to the figure with an expiry, a label and more", (target) => actions.share(target));
    add("copy-image", "Copy image", "Copy the figure as an image", (target) => actions.copyImage(target), {
      isEnabled: (args) => {
        const target = args.at ? this._find(args) : null;
        return !target?.displayed || hasImage(target);
      },
    });
    add("open-page", "Open figure page", "Open the figure's versions, files and links in a new tab", (target) => actions.openPage(target));
    this._app.commands.addCommand(id("download"), {
      label: (args) => (args.at ? args.format.toUpperCase() : `Download as ${(args.format ?? "png").toUpperCase()}`),
      caption: "Save the figure as a file",
      execute: (args) => this._run(args, (target) => actions.download(target, args.format ?? "png")),
    });
    this._app.commands.addCommand(id("change-link"), {
      label: "Change the last share link…", caption: "Change the expiry or the label of the link that was copied last",
      execute: () => actions.change(),
    });
    this._app.commands.addCommand(id("revoke-link"), {
      label: "Revoke the last share link", caption: "Make the link that was copied last stop working",
      execute: () => actions.revoke(),
    });
  }

  _makeDownloads() {
    const menu = this._makeMenu();
    menu.title.label = "Download as…";
    for (const format of FORMATS) menu.addItem({ command: id("download"), args: { ...HERE, format } });
    return menu;
  }

  _makeMenu() {
    // Lumino's own draws no arrows for submenus.
    const { MenuSvg } = this._jupyter.components;
    return new (MenuSvg ?? this._jupyter.widgets.Menu)({ commands: this._app.commands });
  }

  _addContextMenu() {
    // Before the menu opens, and also when a key opens it.
    document.addEventListener("contextmenu", (event) => { this._child = event.target.closest?.(OUTPUT) ?? null; }, true);
    const selector = ".figserve-figure";
    const add = (item, rank) => this._app.contextMenu.addItem({ ...item, selector, rank });
    add({ command: id("copy-link"), args: HERE }, 0.51);
    add({ command: id("share"), args: HERE }, 0.52);
    add({ command: id("copy-image"), args: HERE }, 0.53);
    add({ type: "submenu", submenu: this._downloads }, 0.54);
    add({ command: id("open-page"), args: HERE }, 0.55);
    add({ type: "separator" }, 0.56);
  }

  _run(args, run) {
    const target = this._find(args);
    if (target && target.displayed) return run(target);
    showMessage(args.at ? "This output no longer shows a figure." : "The selected cell shows no figure. Select a cell with a figure, then try again.");
    return undefined;
  }

  _find(args) {
    if (args.at) return this._child ? findTarget(this._app, this._child) : null;
    const focused = document.activeElement?.closest?.(OUTPUT);
    return (focused && findTarget(this._app, focused)) ?? lastFigureOf(this._app, this._services.notebooks);
  }
}
