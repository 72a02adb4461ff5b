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

/**
 * Delete several resources, `{path, name, gone, back}` as for `remove`, and offer one undo. What cannot be deleted is
 * put back; `done` is called after an undo.
 */
export async function removeAll(items, done) {
  if (items.length === 1) {
    const [{ path, name, gone, back }] = items;
    await remove(path, name, gone, () => { back(); return done(); });
    return;
  }
  const putBacks = items.map((item) => item.gone());
  const results = await Promise.all(items.map((item) => ask("DELETE", item.path).then(() => null, (error) => error)));
  // In reverse: each is put back before its neighbour.
  for (const at of results.keys()) if (results.at(-1 - at)) putBacks.at(-1 - at)();
  const deleted = items.filter((_, at) => !results[at]);
  const failed = results.filter(Boolean);
  if (failed.length) toast(`${failed.length} of ${items.length} could not be deleted. ${failed[0].message}`, { isError: true });
  if (!deleted.length) return;
  const undoAll = async () => {
    const errors = await Promise.all(deleted.map((item) => ask("POST", `${item.path}/restore`).then(() => null, (error) => error)));
    deleted.forEach((item) => item.back());
    const error = errors.find(Boolean);
    if (error) toast(`Not all could be restored; the others are in the trash. ${error.message}`, { isError: true });
    else toast(`Restored ${deleted.length} items. Their links work again.`);
    await done();
  };
  toast(`Deleted ${deleted.length} items. Their links no longer work.`, { action: { label: "Undo", run: undoAll } });
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
  document.fullscreenElement && document.exitFullscreen();
  main.hidden = true;
  const notice = document.createElement("main");
  notice.className = "notice";
  notice.tabIndex = -1;
  const title = Object.assign(document.createElement("h1"), { textContent: "Deleted" });
  const what = Object.assign(document.createElement("p"), { textContent: `“${main.dataset.name}” is in the trash. Its links no longer work, until it is restored.` });
  const choices = Object.assign(document.createElement("p"), { className: "choices" });
  for (const [path, text] of [["trash", "Trash"], ["", "All figures"]]) {
    choices.append(Object.assign(document.createElement("a"), { className: "button", href: new URL(path, prefix).href, textContent: text }));
  }
  notice.append(title, what, choices);
  main.after(notice);
  notice.focus();
  return () => {
    notice.remove();
    main.hidden = false;
    main.querySelector("[data-delete]").focus();
  };
}
