// The share dialog: that of the figure's page, with its markup, styles and script, in the colours of JupyterLab's theme.
import { makeElement } from "./elements.js";

const THEME = `
:host {
  --ground: var(--jp-layout-color0); --surface: var(--jp-layout-color1); --ink: var(--jp-ui-font-color1);
  --quiet: var(--jp-ui-font-color2); --line: var(--jp-border-color1); --field: var(--jp-border-color0);
  --accent: var(--jp-content-link-color); --tint: var(--jp-layout-color2); --bad: var(--jp-error-color1);
  --good: var(--jp-success-color1); --round: 10px; --shade: none;
  color-scheme: var(--figserve-scheme, light); color: var(--jp-ui-font-color1); font: 15px/1.5 var(--jp-ui-font-family); text-align: left;
}
`;
let loading = null;

/** Open the dialog that shares a figure. */
export async function openShareDialog(server, record, done) {
  const { share } = await load(server, record);
  share(`api/figures/${record.id}/links`, record.title || record.name, done);
}

/** Open the dialog that changes a link. */
export async function openChangeDialog(server, record, link, done) {
  const { change } = await load(server, record);
  change(link, record.title || record.name, done);
}

/** Return the dialog's module; it is loaded once. */
async function load(server, record) {
  loading ??= build(server, record);
  try {
    return await loading;
  } catch (error) {
    loading = null;
    throw error;
  }
}

async function build(server, record) {
  // A figure of the Hub's service has no page here; any page of ours has the dialog.
  const path = record.server ? "" : `figures/${record.id}`;
  const page = new DOMParser().parseFromString(await server.text(path), "text/html");
  const resolve = (address) => new URL(address, server.url(path)).href;
  const dialog = document.importNode(page.querySelector("dialog#share"), true);
  const styles = [...page.querySelectorAll("link[rel=stylesheet]")].map((link) => resolve(link.getAttribute("href")));
  const scripts = resolve(page.querySelector("script[type=module]").getAttribute("src"));
  const host = makeElement("div", { className: "figserve-dialog" });
  const root = host.attachShadow({ mode: "open" });
  root.append(makeElement("style", { textContent: THEME }), dialog);
  document.body.append(host);
  const [module] = await Promise.all([import(new URL("share_dialog.js", scripts).href), ...styles.map((href) => addStyle(root, href))]);
  module.attach(dialog);
  return module;
}

function addStyle(root, href) {
  return new Promise((resolve, reject) => {
    const link = makeElement("link", { rel: "stylesheet", href });
    link.onload = resolve;
    link.onerror = () => reject(new Error("The share dialog could not be loaded. Check the connection, then try again."));
    root.prepend(link);
  });
}
