// A live figure with its controls in a notebook.
const PAUSE = 100;

function render({ model, el }) {
  const status = document.createElement("div");
  const image = document.createElement("img");
  const inputs = new Map();
  const form = makeForm(model.get("controls"), inputs);
  el.classList.add("figserve-live");
  status.setAttribute("role", "status");
  image.alt = model.get("heading");
  el.append(form, status, image);

  let timer = null;
  let news = "";
  let sent = "";
  const line = makeLine(model);
  const bar = makeProgress(el);

  const draw = serialize(async (isOver) => {
    el.setAttribute("aria-busy", "true");
    try {
      const [blob, note, pixelRatio] = await line.image(model.get("path"), readValues(model.get("controls"), inputs), { declared: model.get("declared").form, progress: bar.show });
      if (await showIn(image, blob, pixelRatio, () => !isOver())) say(news || note);
    } catch (error) {
      say(news || error.message, true);
    }
    bar.end();
    if (!isOver()) el.removeAttribute("aria-busy");
  });
  const heard = () => {
    const text = JSON.stringify(model.get("params"));
    if (text === sent) return;
    writeValues(inputs, model.get("params"));
    soon(0);
  };
  // A refresh comes from the kernel and from the server.
  const redraw = () => soon(PAUSE);
  model.on("change:params", heard);
  model.on("change:revision", redraw);
  form.addEventListener("input", () => {
    const values = readValues(model.get("controls"), inputs);
    sent = JSON.stringify(values);
    model.set("params", values);
    model.save_changes();
    soon(PAUSE);
  });
  writeValues(inputs, model.get("params"));
  soon(0);
  const unfollow = followLive(model.get("path"), model.get("declared"), {
    changed: (text) => { news = text; soon(0); },
    refreshed: redraw,
    progress: bar.show,
  });
  return () => {
    clearTimeout(timer);
    unfollow();
    line.close();
    model.off("change:params", heard);
    model.off("change:revision", redraw);
  };

  function soon(pause) {
    clearTimeout(timer);
    timer = setTimeout(draw, pause);
  }

  function say(message, failed = false) {
    status.textContent = message;
    status.classList.toggle("failed", failed);
    image.classList.toggle("old", Boolean(message));
  }
}

export default { render };
