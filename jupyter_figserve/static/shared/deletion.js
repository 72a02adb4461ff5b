// Deletion of a figure or a dashboard, and its undoing.
import { ask, prefix } from "./api.js";
import { toast } from "./toast.js";

/**
 * Delete what is at `path` and offer to undo it. `gone` takes it from the page at once and returns how to put it back;
 * `back` is called when the server has it again.
 */
export async function remove(path, name, gone, back) {
  const putBack = gone();
  try {
    await ask("DELETE", path);
  } catch (error) {
    putBack();
    toast(`“${name}” was not deleted. ${error.message}`, { fault: true });
    return;
  }
  toast(`Deleted “${name}”. Its links no longer open.`, { action: { label: "Undo", run: () => undo(path, name, back) } });
}

async function undo(path, name, back) {
  try {
    await ask("POST", `${path}/restore`);
  } catch (error) {
    toast(`“${name}” is still deleted. ${error.message}`, {
      fault: true, action: { label: "Try again", run: () => undo(path, name, back) },
    });
    return;
  }
  toast(`“${name}” is back, and its links open again.`);
  await back();
}

/** Say in the place of `main`, the page of what was deleted, that it is; returns how to put the page back. */
export function leave(main) {
  main.hidden = true;
  const notice = document.createElement("main");
  notice.className = "notice";
  notice.tabIndex = -1;
  const title = Object.assign(document.createElement("h1"), { textContent: "Deleted" });
  const back = Object.assign(document.createElement("a"), { href: prefix.href, textContent: "All figures" });
  notice.append(title, back);
  main.after(notice);
  notice.focus();
  return () => {
    notice.remove();
    main.hidden = false;
    main.querySelector("[data-delete]").focus();
  };
}
