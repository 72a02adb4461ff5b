// The plugins: the gallery's entries, the menu of displayed figures, and the panel with all figures.
import { makeElement, useStyles } from "./elements.js";
import { FigureMenu } from "./figure_menu.js";
import { FigureMarker } from "./figure_marker.js";
import { FiguresPanel } from "./figures_panel.js";
import { Server } from "./server.js";
import { FIGURES_ICON, SHARE_ICON } from "./icons.js";

const OPEN_GALLERY = "jupyter_figserve:open-gallery";
const OPEN_OWN = "jupyter_figserve:open-own-gallery";
const SHOW_PANEL = "jupyter_figserve:show-panel";
const PACKAGES = {
  services: "@jupyterlab/services", notebook: "@jupyterlab/notebook", launcher: "@jupyterlab/launcher",
  apputils: "@jupyterlab/apputils", mainmenu: "@jupyterlab/mainmenu", components: "@jupyterlab/ui-components",
  application: "@jupyterlab/application", widgets: "@lumino/widgets", coreutils: "@jupyterlab/coreutils",
};

/** Return the plugins; `shared` returns a package of JupyterLab by its name. */
export async function makePlugins(shared) {
  const found = await Promise.all(Object.entries(PACKAGES).map(async ([key, name]) => [key, await shared(name)]));
  const jupyter = Object.fromEntries(found);
  const { launcher, apputils, mainmenu, notebook, application } = jupyter;
  const tokens = {
    launcher: launcher?.ILauncher, palette: apputils?.ICommandPalette, menu: mainmenu?.IMainMenu,
    notebooks: notebook?.INotebookTracker, restorer: application?.ILayoutRestorer,
  };
  const names = Object.keys(tokens).filter((name) => tokens[name]);
  return [{
    id: "jupyter_figserve:gallery",
    description: "The menu of every displayed figure, a panel with all figures, and the way to their gallery.",
    autoStart: true,
    optional: names.map((name) => tokens[name]),
    activate(app, ...services) {
      activate(app, jupyter, Object.fromEntries(names.map((name, index) => [name, services[index]])));
    },
  }];
}

function activate(app, jupyter, services) {
  useStyles();
  const server = new Server(jupyter.services.ServerConnection, app.serviceManager.serverSettings);
  const icons = makeIcons(jupyter.components);
  addGallery(app, server, icons, services, findGallery(jupyter));
  const menu = new FigureMenu({ app, server, jupyter, services, icons });
  menu.addEntries();
  new FigureMarker(app, icons.share, (child, button) => menu.openAt(child, button)).start();
  addPanel(app, server, icons, jupyter.widgets, services);
}

/** The address of the gallery of a JupyterHub's service, where kernels publish; null elsewhere. */
function findGallery({ coreutils }) {
  const path = coreutils?.PageConfig.getOption("figserveGallery");
  return path ? new URL(path, document.baseURI).href : null;
}

function makeIcons(components) {
  const { LabIcon } = components;
  return {
    figures: new LabIcon({ name: "jupyter_figserve:figures", svgstr: FIGURES_ICON }),
    share: new LabIcon({ name: "jupyter_figserve:share", svgstr: SHARE_ICON }),
  };
}

function addGallery(app, server, icons, { launcher, palette, menu }, atService) {
  const open = (url) => () => { window.open(url, "_blank", "noopener"); };
  app.commands.addCommand(OPEN_GALLERY, {
    label: "Figures",
    caption: "Open the gallery of your figures in a new tab",
    icon: icons.figures,
    execute: open(atService ?? server.url("")),
  });
  if (atService) {
    app.commands.addCommand(OPEN_OWN, {
      label: "Figures on this server",
      caption: "Open the gallery of this server: plots that were displayed, and what was published here, in a new tab",
      icon: icons.figures,
      execute: open(server.url("")),
    });
    palette?.addItem({ command: OPEN_OWN, category: "Figures" });
  }
  launcher?.add({ command: OPEN_GALLERY, category: "Other", rank: 5 });
  palette?.addItem({ command: OPEN_GALLERY, category: "Figures" });
  const galleries = atService ? [OPEN_GALLERY, OPEN_OWN] : [OPEN_GALLERY];
  menu?.viewMenu.addGroup([...galleries, SHOW_PANEL].map((command) => ({ command })), 90);
}

function addPanel(app, server, icons, { Widget }, { palette, restorer, notebooks }) {
  const widget = new Widget({ node: makeElement("div", { className: "figserve-panel" }) });
  widget.id = "figserve-figures";
  widget.title.icon = icons.figures;
  widget.title.caption = "Figures";
  const panel = new FiguresPanel(app, widget.node, server, notebooks);
  widget.onAfterShow = () => panel.show();
  widget.onAfterHide = () => panel.hide();
  widget.onBeforeDetach = () => panel.hide();
  app.shell.add(widget, "left", { rank: 550, type: "Figures" });
  restorer?.add(widget, "figserve-figures");
  app.commands.addCommand(SHOW_PANEL, {
    label: "Figures panel",
    caption: "Show your figures beside the notebook, to search them or drag them into Markdown",
    icon: icons.figures,
    execute: () => {
      app.shell.activateById(widget.id);
      panel.focus();
    },
  });
  palette?.addItem({ command: SHOW_PANEL, category: "Figures" });
}
