// A dashboard with its controls in a notebook: each change redraws only the panels that depend on it.
const PAUSE = 100;
const keyOf = (control) => control.key;

function render({ model, el }) {
  const inputs = new Map();
  const line = makeLine(model);
  const controls = model.get("controls");
  const panels = [];
  const endings = [];
  el.classList.add("figserve-dashboard");
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
    writeValues(inputs, model.get("params"));
    follow(0);
  };
  const redraw = () => { for (const panel of panels) panel.draw(PAUSE); };
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
  writeValues(inputs, model.get("params"));
  follow(0);
  return () => {
    for (const end of endings) end();
    line.close();
    model.off("change:params", heard);
    model.off("change:revision", redraw);
  };

  function place(panel) {
    const box = document.createElement(panel.kind === "text" ? "div" : "figure");
    box.className = `panel ${panel.kind}`;
    box.style.flexGrow = panel.share;
    box.dataset.place = panel.place;
    // Rendered by the kernel, which escapes any HTML in the text.
    if (panel.kind === "text") box.innerHTML = panel.html;
    else fill(box, panel);
    for (const link of box.querySelectorAll("a[href]")) link.target = "_blank";
    return box;
  }

  function fill(box, panel) {
    const own = controls.filter((control) => !control.is_shared && control.places.includes(panel.place));
    if (own.length) box.append(makeForm(own, inputs, keyOf));
    const view = makeView(panel);
    box.append(...view.parts);
    if (panel.caption) box.append(makeElement("figcaption", panel.caption));
    if (panel.message) view.say(panel.message, panel.kind === "live");
    if (panel.kind === "live") panels.push(makeLive(panel, box, view));
    if (panel.has_page) showPage(panel, view);
    if (panel.published) endings.push(followFigure(panel, view, line));
  }

  function makeLive(panel, box, view) {
    const driven = controls.filter((control) => control.places.includes(panel.place));
    // The initial image has standard resolution.
    let wanted = panel.still && !isHidpi() ? argumentsOf(panel.initial) : null;
    let timer = null;
    let news = "";
    const bar = makeProgress(box);
    const draw = serialize(async (isOver) => {
      box.setAttribute("aria-busy", "true");
      try {
        const [blob, note, pixelRatio] = await line.image(panel.path, current(), { place: panel.place, format: panel.format, declared: panel.declared.form, progress: bar.show });
        const next = blob.type.startsWith("image/") ? await decoded(blob) : null;
        if (!isOver()) {
          if (next) view.put(next, sizeOf(next, pixelRatio));
          else if (isData(blob)) view.showData(await blob.text());
          else await view.showPage(blob);
          view.say(news || note);
        }
      } catch (error) {
        if (!isOver()) view.say(news || error.message, true);
      }
      bar.end();
      if (!isOver()) box.removeAttribute("aria-busy");
    });
    endings.push(
      () => clearTimeout(timer),
      followLive(panel.path, panel.declared, {
        changed: (text) => { news = text; soon(0); },
        refreshed: () => soon(PAUSE),
        progress: bar.show,
      }),
    );
    return { follow: followControls, draw: soon };

    function argumentsOf(given) { return queryOf({ ...panel.fixed, ...given }); }

    function current() {
      const all = values();
      return { ...Object.fromEntries(driven.map((control) => [control.name, all[control.key]])), ...panel.fixed };
    }

    function followControls(pause) {
      if (argumentsOf(current()) !== wanted) soon(pause);
    }

    function soon(pause) {
      wanted = argumentsOf(current());
      clearTimeout(timer);
      timer = setTimeout(draw, pause);
    }
  }

  // An interactive figure is loaded when the kernel is idle; until then, and without one, its image is shown.
  async function showPage(panel, view) {
    try {
      await view.showPage(await line.ask({ op: "page", place: panel.place }));
      view.say("");
    } catch (error) {
      view.say(error.message, true);
    }
  }
}

function makeElement(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function heading(text, href) {
  const element = makeElement("h2", href ? "" : text);
  if (href) {
    const link = makeElement("a", text);
    link.href = href;
    link.target = "_blank";
    link.rel = "noopener";
    element.append(link);
  }
  return element;
}

// The static images that represent the widget in a saved notebook are hidden beside it.
function hideStills(name) {
  const style = document.createElement("style");
  style.textContent = `.${name}, .jp-OutputArea-child:has(> .jp-OutputArea-output .${name}) { display: none !important; }`;
  return style;
}

export default { render };
