// What only works with scripts is hidden in the markup.
import { localize } from "./times.js";

/** Prepare new elements: show the controls that need scripts, and times as the reader's own. */
export function enter(root) {
  for (const tools of root.querySelectorAll(".actions, .row-tools, [data-scripted]")) tools.hidden = false;
  localize(root);
}
