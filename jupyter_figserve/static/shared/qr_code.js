// Shows the QR code of a link in a dialog, to scan from the screen or to download for a poster or a slide.
import { prefix } from "./api.js";

/** Open the dialog for the link `id`, which leads to what is called `name`; it belongs beside the element `opener`. */
export function showQrCode(id, name, opener) {
  const address = (suffix, query = "") => new URL(`api/links/${id}/qr.${suffix}${query}`, prefix).href;
  const dialog = make("dialog", { className: "qr-code" });
  dialog.setAttribute("aria-labelledby", "qr-title");
  const image = make("img", { src: address("svg"), alt: `QR code of the link to ${name}`, width: 280, height: 280 });
  const error = make("p", { className: "error", textContent: "The QR code is not available: the server cannot derive the link's address again." });
  error.setAttribute("role", "alert");
  image.addEventListener("error", () => image.replaceWith(error));
  const buttons = make("div", { className: "buttons" });
  for (const suffix of ["svg", "png"]) {
    buttons.append(make("a", { className: "button", href: address(suffix, "?download"), download: "", textContent: `Download ${suffix.toUpperCase()}` }));
  }
  const done = make("button", { type: "button", className: "main", textContent: "Done" });
  done.addEventListener("click", () => dialog.close());
  buttons.append(done);
  dialog.append(make("h2", { id: "qr-title", textContent: "QR code" }), make("p", { className: "meta", textContent: name, dir: "auto" }), image, buttons);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => { dialog.remove(); opener.focus(); });
  const root = opener.getRootNode();
  (root instanceof ShadowRoot ? root : document.body).append(dialog);
  dialog.showModal();
  done.focus();
}

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
