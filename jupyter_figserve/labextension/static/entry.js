// The figure menu, the figures panel and the gallery's entries in JupyterLab and Notebook.
//
// A federated extension written by hand: a container with `init` and `get` (webpack.js.org/concepts/module-federation)
// that takes JupyterLab's packages from the given share scope. The plugins are ES modules beside this file.
(() => {
  const here = document.currentScript.src;
  let scope = {};

  /** A package shared by JupyterLab, or null where the application does not provide it. */
  async function shared(name) {
    const versions = Object.values(scope[name] ?? {});
    // The one in use, where other extensions bring versions of their own.
    const chosen = versions.find((version) => version.loaded) ?? versions[0];
    return chosen ? (await chosen.get())() : null;
  }

  const container = {
    init(given) { scope = given; },
    async get() {
      const { makePlugins } = await import(new URL("plugins.js", here));
      const plugins = await makePlugins(shared);
      return () => ({ __esModule: true, default: plugins });
    },
  };
  (window._JUPYTERLAB ??= {}).jupyter_figserve = container;
})();
