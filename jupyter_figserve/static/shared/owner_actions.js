// The owner's page of a live figure or a dashboard: sharing, links, and deletion.
import { fetchPage } from "./api.js";
import { exchange } from "./focus.js";
import { workLinks } from "./link_rows.js";
import { leave, remove } from "./deletion.js";
import { share } from "./share_dialog.js";
import { toast } from "./toast.js";
import { enter } from "./scripted.js";
import { inTurn } from "./turns.js";

const main = document.getElementById("main");
const { path, name } = main.dataset;
const update = inTurn(load);

main.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("share" in button.dataset) share(`${path}/links`, name, update);
  if ("delete" in button.dataset) remove(path, name, () => leave(main), () => location.reload());
});
workLinks(main, update);

/** Refresh the list of links; the figure itself stays as it is. */
async function load() {
  try {
    const fresh = await fetchPage(location.pathname);
    enter(fresh);
    exchange(main.querySelector("[data-live=links]"), fresh.querySelector("[data-live=links]"));
  } catch (error) {
    toast(error.message, { isError: true });
  }
}

enter(document);
// The gallery's card of a live figure leads here, where the dialog offers its parameters.
if (location.hash === "#share") {
  history.replaceState(null, "", location.href.replace(/#share$/, ""));
  share(`${path}/links`, name, update);
}
