// Copies the address of an existing link, which the server derives again for its owner.
import { ask } from "./api.js";
import { copyText } from "./clipboard.js";

/**
 * Copy the address of the link `id` and say so on `button`. Where the clipboard cannot be written, show the address in a
 * field beside it, selected. Throws an Error with a readable message when the address is not known.
 */
export async function copyAddress(id, button) {
  const address = ask("GET", `api/links/${id}/url`).then((found) => found.url);
  if (!await copyText(address, button.parentElement)) {
    show(await address, button);
    return;
  }
  const label = button.firstChild;
  label.textContent = "Copied";
  document.getElementById("news")?.replaceChildren("Copied.");
  setTimeout(() => { label.textContent = "Copy link"; }, 1500);
}

/** Show the text, so that it can be copied with the keyboard. */
function show(text, button) {
  const row = button.closest("li");
  const field = row.querySelector("input.address") ?? document.createElement("input");
  Object.assign(field, { className: "address", readOnly: true, value: text });
  field.setAttribute("aria-label", "Address of the link");
  row.append(field);
  field.select();
}
