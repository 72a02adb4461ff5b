// The list of links on the page of what they open: pause, resume, revoke.
import { ask } from "./api.js";
import { announce, toast } from "./toast.js";

/** Work the buttons of the links below `root`; `changed` brings the page to what the server shows then. */
export function workLinks(root, changed) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    const link = button?.closest("[data-link]");
    if (!link) return;
    if ("paused" in button.dataset) await change(link, "PATCH", { paused: button.dataset.paused === "true" });
    if ("revoke" in button.dataset && isSure(button, "Really revoke", "Press again to revoke for good.")) {
      await change(link, "DELETE");
    }
  });

  async function change(link, method, wish) {
    try {
      await ask(method, `api/links/${link.dataset.link}`, wish);
      announce(method === "DELETE" ? "Revoked." : wish.paused ? "Paused." : "Open again.");
    } catch (error) {
      toast(error.message, { fault: true });
    }
    await changed();
  }
}

/** What is for good wants a second press within a few seconds; until then the button says so in `label`. */
function isSure(button, label, words) {
  if ("sure" in button.dataset) return true;
  const before = button.firstChild.textContent;
  button.dataset.sure = "";
  button.firstChild.textContent = label;
  announce(words);
  setTimeout(() => { delete button.dataset.sure; button.firstChild.textContent = before; }, 5_000);
  return false;
}
