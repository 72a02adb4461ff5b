// A dashboard with its controls in a notebook: each move draws the panels that it concerns, and no others.
const PAUSE = 100;
const keyOf = (control) => control.key;

function render({ model, el }) {
  const inputs = new Map();
  const line = makeLine(model);
  const controls = model.get("controls");
  const panels = [];
  el.classList.add("figserve-board");
  if (model.get("theme")) el.dataset.theme = model.get("theme");
  el.append(hideStills(model.get("still_class")), heading(model.get("heading"), model.get("href")));
  const shared = controls.filter((control) => control.is_shared);
  if (shared.length) el.append(makeForm(shared, inputs, keyOf));
  for (const row of model.get("rows")) {
    const across = document.createElement("div");
    across.className = "row";
    for (const panel of row) across.append(place(panel));
    el.append(across);
  }

  let sent = "";
  const values = () => readValues(controls, inputs, keyOf);
  const follow = (pause) => { for (const panel of panels) panel.follow(pause); };
  const heard = () => {
    if (JSON.stringify(model.get("params")) === sent) return;
    putValues(inputs, model.get("params"));
    follow(0);
  };
  const redraw = () => { for (const panel of panels) panel.draw(0); };
  const moved = () => {
    const given = values();
    sent = JSON.stringify(given);
    model.set("params", given);
    model.save_changes();
    follow(PAUSE);
  };
  model.on("change:params", heard);
  model.on("change:revision", redraw);
  el.addEventListener("input", moved);
  putValues(inputs, model.get("params"));
  for (const panel of panels) panel.start();
  return () => {
    for (const panel of panels) panel.stop();
    line.close();
    model.off("change:params", heard);
    model.off("change:revision", redraw);
  };

  function place(panel) {
    const box = document.createElement(panel.kind === "text" ? "div" : "figure");
    box.className = `panel ${panel.kind}`;
    box.style.flexGrow = panel.share;
    box.dataset.place = panel.place;
    // Rendered by the kernel, with all that the text itself has of HTML escaped.
    if (panel.kind === "text") box.innerHTML = panel.html;
    else fill(box, panel);
    for (const link of box.querySelectorAll("a[href]")) link.target = "_blank";
    return box;
  }

  function fill(box, panel) {
    const own = controls.filter((control) => !control.is_shared && control.places.includes(panel.place));
    if (own.length) box.append(makeForm(own, inputs, keyOf));
    const status = words("p", "");
    status.setAttribute("role", "status");
    const image = makeImage(panel);
    box.append(status, image);
    if (panel.caption) box.append(words("figcaption", panel.caption));
    if (panel.message) say(status, image, panel.message, panel.kind === "live");
    if (panel.kind === "live") panels.push(makeLive(panel, box, image, status));
    if (panel.has_page) showPage(panel, image, status);
  }

  function makeLive(panel, box, image, status) {
    const driven = controls.filter((control) => control.places.includes(panel.place));
    let drawn = panel.still ? argumentsOf(panel.drawn) : null;
    let wanted = drawn;
    let timer = null;
    let drawing = false;
    return { start: () => follow_(0), follow: follow_, draw: soon, stop: () => clearTimeout(timer) };

    function argumentsOf(given) { return queryOf({ ...panel.fixed, ...given }); }

    function current() {
      const all = values();
      return { ...Object.fromEntries(driven.map((control) => [control.name, all[control.key]])), ...panel.fixed };
    }

    function follow_(pause) {
      if (argumentsOf(current()) !== wanted) soon(pause);
    }

    function soon(pause) {
      wanted = argumentsOf(current());
      drawn = null;
      clearTimeout(timer);
      timer = setTimeout(draw, pause);
    }

    async function draw() {
      if (drawing) return;
      drawing = true;
      box.setAttribute("aria-busy", "true");
      while (drawn !== wanted) {
        const now = wanted;
        try {
          const [blob, note] = await line.picture(panel.path, current(), { place: panel.place });
          if (await showIn(image, blob, () => now === wanted)) say(status, image, note);
        } catch (error) {
          if (now === wanted) say(status, image, error.message, true);
        }
        drawn = now;
      }
      drawing = false;
      box.removeAttribute("aria-busy");
    }
  }

  // An interactive figure comes when the kernel is free; until then, and without one, its picture stands.
  async function showPage(panel, image, status) {
    try {
      const page = await line.ask({ op: "page", place: panel.place });
      const frame = document.createElement("iframe");
      frame.title = panel.alt;
      frame.setAttribute("sandbox", "allow-scripts");
      frame.srcdoc = await page.text();
      image.replaceWith(frame);
      status.textContent = "";
    } catch (error) {
      say(status, image, error.message, true);
    }
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

function say(status, image, text, failed = false) {
  status.textContent = text;
  status.classList.toggle("failed", failed);
  image.classList.toggle("old", Boolean(text));
}

function words(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function heading(text, href) {
  const element = words("h2", href ? "" : text);
  if (href) {
    const link = words("a", text);
    link.href = href;
    link.target = "_blank";
    link.rel = "noopener";
    element.append(link);
  }
  return element;
}

// The pictures that stand for the widget in a saved notebook are not shown beside it.
function hideStills(name) {
  const style = document.createElement("style");
  style.textContent = `.${name}, .jp-OutputArea-child:has(> .jp-OutputArea-output .${name}) { display: none !important; }`;
  return style;
}

export default { render };
