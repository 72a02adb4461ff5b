// Adds the gallery to the launcher, the View menu and the command palette of JupyterLab and Notebook.
//
// A federated extension written by hand: a container with `init` and `get` (webpack.js.org/concepts/module-federation)
// that takes JupyterLab's packages from the given share scope.
(() => {
  const COMMAND = "jupyter_figserve:open-gallery";
  let scope = {};

  /** A package shared by JupyterLab, or null where the application does not provide it. */
  async function shared(name) {
    const versions = Object.values(scope[name] ?? {});
    return versions.length ? (await versions[0].get())() : null;
  }

  async function makePlugin() {
    const names = ["coreutils", "launcher", "apputils", "mainmenu", "ui-components"];
    const [coreutils, launcher, apputils, mainmenu, components] = await Promise.all(
      names.map((name) => shared(`@jupyterlab/${name}`)),
    );
    const tokens = [launcher?.ILauncher, apputils?.ICommandPalette, mainmenu?.IMainMenu];
    const { PageConfig, URLExt } = coreutils;
    const svgstr = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b57b7"/>'
      + '<path d="M7 23 13 15l5 4 7-10" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>';

    return {
      id: "jupyter_figserve:gallery",
      description: "Opens the gallery of figures.",
      autoStart: true,
      optional: tokens.filter(Boolean),
      activate(app, ...services) {
        const service = (token) => (token ? services[tokens.filter(Boolean).indexOf(token)] : null);
        app.commands.addCommand(COMMAND, {
          label: "Figures",
          caption: "Open the gallery of your figures in a new tab",
          icon: components && new components.LabIcon({ name: "jupyter_figserve:figures", svgstr }),
          execute: () => { window.open(URLExt.join(PageConfig.getBaseUrl(), "figserve/"), "_blank", "noopener"); },
        });
        service(launcher?.ILauncher)?.add({ command: COMMAND, category: "Other", rank: 5 });
        service(apputils?.ICommandPalette)?.addItem({ command: COMMAND, category: "Figures" });
        service(mainmenu?.IMainMenu)?.viewMenu.addGroup([{ command: COMMAND }], 90);
      },
    };
  }

  const container = {
    init(given) { scope = given; },
    async get() {
      const plugin = await makePlugin();
      return () => ({ __esModule: true, default: plugin });
    },
  };
  (window._JUPYTERLAB ??= {}).jupyter_figserve = container;
})();
