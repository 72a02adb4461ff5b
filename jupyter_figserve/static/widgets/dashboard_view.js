// The content of a dashboard panel: an image or an interactive figure in a frame, and a status line.

function makeView(panel) {
  const status = makeElement("p", "");
  const image = makeImage(panel);
  let { alt } = panel;
  let shown = image;
  let coming = null;
  status.setAttribute("role", "status");
  return { parts: [status, image], say, describe, put, showPage, showData };

  function say(text, failed = false) {
    status.textContent = text;
    status.classList.toggle("failed", failed);
    shown.classList.toggle("old", Boolean(text));
  }

  // Set the alt text.
  function describe(text) {
    alt = text;
    image.alt = text;
    if (shown !== image) shown.title = text;
  }

  // Show a decoded image at its size on the page.
  function put(next, size) {
    Object.assign(image, { src: next.src, ...size });
    image.hidden = false;
    show(image);
  }

  // Show JSON as a table or text.
  function showData(text) {
    show(dataElement(text));
  }

  // The current content stays until the frame has loaded.
  async function showPage(page) {
    const fresh = document.createElement("iframe");
    fresh.className = "loading";
    fresh.title = alt;
    fresh.setAttribute("sandbox", "allow-scripts");
    fresh.srcdoc = await page.text();
    const loaded = new Promise((resolve) => { fresh.addEventListener("load", resolve, { once: true }); });
    coming?.remove();
    coming = fresh;
    shown.after(fresh);
    await loaded;
    if (coming === fresh) show(fresh);
  }

  function show(element) {
    if (coming !== element) coming?.remove();
    coming = null;
    element.classList.remove("loading");
    if (shown === element) return;
    // Moving a frame would reload it.
    if (!element.parentNode) shown.after(element);
    shown.remove();
    shown = element;
  }
}

function makeImage(panel) {
  const image = document.createElement("img");
  image.alt = panel.alt;
  image.hidden = !panel.still;
  if (panel.still) image.src = panel.still;
  if (panel.width && panel.height) { image.width = panel.width; image.height = panel.height; }
  return image;
}
