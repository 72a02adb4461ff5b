// The owner's list of links on a page: copy, change, pause, resume, revoke.
import { ask } from "./api.js";
import { copyAddress } from "./copy_address.js";
import { showQrCode } from "./qr_code.js";
import { change as openDialog } from "./share_dialog.js";
import { announce, toast } from "./toast.js";

/** Handle the buttons of the links below `root`; `changed` refreshes the page from the server. */
export function workLinks(root, changed) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    const link = button?.closest("[data-link]");
    if (!link) return;
    if ("copy" in button.dataset) await copy(button, link);
    if ("qr" in button.dataset) showQrCode(link.dataset.link, nameOf(link), button);
    if ("change" in button.dataset) await edit(link);
    if ("paused" in button.dataset) await change(link, "PATCH", { paused: button.dataset.paused === "true" });
    if ("revoke" in button.dataset && isSure(button, "Really revoke", "Press again to revoke permanently.")) {
      await change(link, "DELETE");
    }
  });

  async function edit(link) {
    try {
      openDialog(await ask("GET", `api/links/${link.dataset.link}`), nameOf(link), () => { announce("Saved."); changed(); });
    } catch (error) {
      toast(error.message, { isError: true });
    }
  }

  async function change(link, method, body) {
    try {
      await ask(method, `api/links/${link.dataset.link}`, body);
      announce(method === "DELETE" ? "Revoked." : body.paused ? "Paused." : "Resumed.");
    } catch (error) {
      toast(error.message, { isError: true });
    }
    await changed();
  }
}

/** The name of what the link of a row shows. */
function nameOf(link) {
  return link.dataset.name ?? document.getElementById("main").dataset.name;
}

/** Copy the address of a link, or show it for copying by hand. */
async function copy(button, link) {
  try {
    await copyAddress(link.dataset.link, button);
  } catch (error) {
    toast(error.message, { isError: true });
  }
}

/** A permanent action needs a second press within a few seconds; until then the button shows `label`. */
export function isSure(button, label, message) {
  if ("sure" in button.dataset) return true;
  const before = button.firstChild.textContent;
  button.dataset.sure = "";
  button.firstChild.textContent = label;
  announce(message);
  setTimeout(() => { delete button.dataset.sure; button.firstChild.textContent = before; }, 5_000);
  return false;
}
