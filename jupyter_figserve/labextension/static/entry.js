// The figure menu, the figures panel and the gallery's entries in JupyterLab and Notebook.
//
// A federated extension written by hand: a container with `init` and `get` (webpack.js.org/concepts/module-federation)
// that takes JupyterLab's packages from the given share scope. The plugins are ES modules beside this file.
(() => {
  const here = document.currentScript.src;
  const VERSION = "jupyter_figserve:version";
  const FILES = [
    "clipboard.js", "conversions.js", "displayed_figure.js", "drawings.js", "elements.js", "figure_actions.js",
    "figure_drag.js", "figure_marker.js", "figure_menu.js", "figures_panel.js", "icons.js", "messages.js", "pdf.js",
    "plugins.js", "server.js", "sha256.js", "share_dialog.js", "style.css", "targets.js",
  ];
  let scope = {};

  /** A package shared by JupyterLab, or null where the application does not provide it. */
  async function shared(name) {
    const versions = Object.values(scope[name] ?? {});
    // The one in use, where other extensions bring versions of their own.
    const chosen = versions.find((version) => version.loaded) ?? versions[0];
    return chosen ? (await chosen.get())() : null;
  }

  /**
   * Load the files again after an upgrade: Jupyter lets browsers keep them for a year. This file's own address has the
   * version, which package.json gives it.
   */
  async function renew() {
    const { search } = new URL(here);
    try {
      if (localStorage.getItem(VERSION) === search) return;
      await Promise.all(FILES.map((name) => fetch(new URL(name, here), { cache: "reload" })));
      localStorage.setItem(VERSION, search);
    } catch {
      // Without storage or connection, the files are what they are.
    }
  }

  const container = {
    init(given) { scope = given; },
    async get() {
      await renew();
      const { makePlugins } = await import(new URL("plugins.js", here));
      const plugins = await makePlugins(shared);
      return () => ({ __esModule: true, default: plugins });
    },
  };
  (window._JUPYTERLAB ??= {}).jupyter_figserve = container;
})();
