// Copies the address of an existing link, which the server derives again for its owner.
import { ask } from "./api.js";

/**
 * Copy the address of the link `id` and say so on `button`. Where the clipboard cannot be written, show the address in a
 * field beside it, selected. Throws an Error with a readable message when the address is not known.
 */
export async function copyAddress(id, button) {
  const address = ask("GET", `api/links/${id}/url`).then((found) => found.url);
  try {
    await write(address);
  } catch {
    show(await address, button);
    return;
  }
  const label = button.firstChild;
  label.textContent = "Copied";
  document.getElementById("news")?.replaceChildren("Copied.");
  setTimeout(() => { label.textContent = "Copy link"; }, 1500);
}

/** Write a text that is still on its way: Safari allows this only while the click is handled. */
async function write(text) {
  if (!window.ClipboardItem) return navigator.clipboard.writeText(await text);
  const blob = text.then((value) => new Blob([value], { type: "text/plain" }));
  return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
}

/** Pages on plain http have no clipboard: show the text, so that it can be copied with the keyboard. */
function show(text, button) {
  const row = button.closest("li");
  const field = row.querySelector("input.address") ?? document.createElement("input");
  Object.assign(field, { className: "address", readOnly: true, value: text });
  field.setAttribute("aria-label", "Address of the link");
  row.append(field);
  field.select();
}
