// Deletes a figure or a dashboard, with undo.
import { ask, prefix } from "./api.js";
import { toast } from "./toast.js";

/**
 * Delete the resource at `path` and offer undo. `gone` removes it from the page at once and returns a function that
 * puts it back; `back` is called after the server has restored it.
 */
export async function remove(path, name, gone, back) {
  const putBack = gone();
  try {
    await ask("DELETE", path);
  } catch (error) {
    putBack();
    toast(`Could not delete “${name}”. ${error.message}`, { isError: true });
    return;
  }
  toast(`Deleted “${name}”. Its links no longer work.`, { action: { label: "Undo", run: () => undo(path, name, back) } });
}

async function undo(path, name, back) {
  try {
    await ask("POST", `${path}/restore`);
  } catch (error) {
    toast(`Could not restore “${name}”. ${error.message}`, {
      isError: true, action: { label: "Try again", run: () => undo(path, name, back) },
    });
    return;
  }
  toast(`Restored “${name}”. Its links work again.`);
  await back();
}

/** Replace `main` by a notice that its subject is deleted; returns a function that puts the page back. */
export function leave(main) {
  main.hidden = true;
  const notice = document.createElement("main");
  notice.className = "notice";
  notice.tabIndex = -1;
  const title = Object.assign(document.createElement("h1"), { textContent: "Deleted" });
  const back = Object.assign(document.createElement("a"), { href: prefix.href, textContent: "All figures" });
  const what = Object.assign(document.createElement("p"), { textContent: "Its links no longer work, until it is restored." });
  notice.append(title, what, back);
  main.after(notice);
  notice.focus();
  return () => {
    notice.remove();
    main.hidden = false;
    main.querySelector("[data-delete]").focus();
  };
}
