// The page of deleted figures and dashboards, and that of a single one: restore.
import { ask, fetchPage } from "./api.js";
import { exchange } from "./focus.js";
import { enter } from "./scripted.js";
import { toast } from "./toast.js";
import { inTurn } from "./turns.js";

const main = document.getElementById("main");
const update = inTurn(load);

main.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-restore]");
  if (!button) return;
  const { path, name } = button.closest("[data-path]").dataset;
  const place = [...main.querySelectorAll("[data-restore]")].indexOf(button);
  // Disabling a button takes its focus away.
  const hadFocus = document.activeElement === button;
  button.disabled = true;
  try {
    const { url } = await ask("POST", `${path}/restore`);
    if (main.dataset.restored) return location.reload();
    toast(`Restored “${name}”. Its links work again.`, { action: { label: "Open", run: () => location.assign(url) } });
  } catch (error) {
    toast(`Could not restore “${name}”. ${error.message}`, { isError: true });
    button.disabled = false;
  }
  await update();
  if (hadFocus) ([...main.querySelectorAll("[data-restore]")].slice(0, place + 1).at(-1) ?? main).focus();
});

async function load() {
  if (main.dataset.restored) return;
  try {
    const fresh = await fetchPage(location.href);
    enter(fresh);
    exchange(main.querySelector("[data-live=trash]"), fresh.querySelector("[data-live=trash]"));
  } catch (error) {
    toast(error.message, { isError: true });
  }
}

enter(document);
