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
  let drawing = false;
  let again = false;
  let sent = "";
  const line = makeLine(model);

  const heard = () => {
    const text = JSON.stringify(model.get("params"));
    if (text === sent) return;
    putValues(inputs, model.get("params"));
    soon(0);
  };
  model.on("change:params", heard);
  model.on("change:revision", () => soon(0));
  form.addEventListener("input", () => {
    const values = readValues(model.get("controls"), inputs);
    sent = JSON.stringify(values);
    model.set("params", values);
    model.save_changes();
    soon(PAUSE);
  });
  putValues(inputs, model.get("params"));
  soon(0);
  return () => { clearTimeout(timer); line.close(); model.off("change:params", heard); };

  function soon(pause) {
    clearTimeout(timer);
    timer = setTimeout(draw, pause);
  }

  async function draw() {
    again = true;
    if (drawing) return;
    drawing = true;
    el.setAttribute("aria-busy", "true");
    while (again) {
      again = false;
      try {
        const [blob, note] = await line.picture(model.get("path"), readValues(model.get("controls"), inputs), {});
        if (await showIn(image, blob, () => !again)) say(note);
      } catch (error) {
        say(error.message, true);
      }
    }
    drawing = false;
    el.removeAttribute("aria-busy");
  }

  function say(words, failed = false) {
    status.textContent = words;
    status.classList.toggle("failed", failed);
    image.classList.toggle("old", Boolean(words));
  }
}

export default { render };
