// A live figure with its controls in a notebook. Pictures come by HTTP, so that they come while the kernel is busy;
// where the page is on no Jupyter server's site (VS Code, Colab), by the widget's own messages.
const PAUSE = 100;

function render({ model, el }) {
  const form = document.createElement("form");
  const status = document.createElement("div");
  const image = document.createElement("img");
  const inputs = new Map();
  el.classList.add("figserve-live");
  status.setAttribute("role", "status");
  image.alt = model.get("heading");
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const parameter of model.get("controls")) form.append(control(parameter, inputs));
  el.append(form, status, image);

  let timer = null;
  let drawing = false;
  let again = false;
  let sent = "";
  const waiting = new Map();

  const take = (message, buffers) => {
    const resolve = waiting.get(message.rid);
    waiting.delete(message.rid);
    resolve?.({ message, buffers });
  };
  model.on("msg:custom", take);
  const heard = () => {
    const text = JSON.stringify(model.get("params"));
    if (text === sent) return;
    put();
    soon(0);
  };
  model.on("change:params", heard);
  model.on("change:revision", () => soon(0));
  form.addEventListener("input", () => {
    const values = read();
    sent = JSON.stringify(values);
    model.set("params", values);
    model.save_changes();
    soon(PAUSE);
  });
  put();
  soon(0);
  return () => { clearTimeout(timer); model.off("msg:custom", take); model.off("change:params", heard); };

  function put() {
    const params = model.get("params");
    for (const [name, input] of inputs) {
      const value = params[name];
      if (input.type === "checkbox") input.checked = Boolean(value);
      else if (input.multiple) for (const option of input.options) option.selected = (value ?? []).includes(option.value);
      else input.value = Array.isArray(value) ? value.join(",") : value ?? "";
      input.dispatchEvent(new Event("figserve:put"));
    }
  }

  function read() {
    const values = {};
    for (const parameter of model.get("controls")) {
      const input = inputs.get(parameter.name);
      if (input.type === "checkbox") values[parameter.name] = input.checked;
      else if (input.multiple) values[parameter.name] = [...input.selectedOptions].map((option) => option.value);
      else if (parameter.many) values[parameter.name] = input.value.split(",").map((text) => text.trim()).filter(Boolean);
      else if (parameter.is_optional && input.value === "") values[parameter.name] = null;
      else values[parameter.name] = input.value;
    }
    return values;
  }

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
        const [blob, note] = await picture(read());
        const next = new Image();
        next.src = await dataUrl(blob);
        await next.decode();
        if (!again) { image.src = next.src; say(note); }
      } catch (error) {
        say(error.message, true);
      }
    }
    drawing = false;
    el.removeAttribute("aria-busy");
  }

  async function picture(values) {
    if (model.get("path") && document.getElementById("jupyter-config-data")) {
      const answer = await fetch(`${model.get("path")}.png?${query(values)}`, { credentials: "same-origin" }).catch(() => null);
      if (answer?.ok) {
        const stale = (answer.headers.get("Cache-Status") ?? "").includes("stale");
        return [await answer.blob(), stale ? "This is an earlier picture: the kernel is busy or gone." : ""];
      }
      if (answer && answer.status !== 404) {
        throw new Error((await answer.json().catch(() => null))?.error ?? `The server answered ${answer.status}.`);
      }
    }
    const rid = Math.random().toString(36).slice(2);
    const reply = new Promise((resolve) => { waiting.set(rid, resolve); });
    model.send({ op: "draw", rid, arguments: values });
    const { message, buffers } = await reply;
    if (message.error) throw new Error(message.error);
    return [new Blob([buffers[0]], { type: message.mimetype }), ""];
  }

  function query(values) {
    const texts = Object.entries(values).map(([name, value]) => [
      name, Array.isArray(value) ? value.map((one) => one.replaceAll("\\", "\\\\").replaceAll(",", "\\,")).join(",") : String(value ?? ""),
    ]);
    return new URLSearchParams(texts).toString();
  }

  function say(words, failed = false) {
    status.textContent = words;
    status.classList.toggle("failed", failed);
    image.classList.toggle("old", Boolean(words));
  }
}

function control(parameter, inputs) {
  const label = document.createElement("label");
  const words = document.createElement("span");
  words.textContent = parameter.name.replaceAll("_", " ");
  let input = document.createElement(parameter.kind === "choice" ? "select" : "input");
  if (parameter.kind === "choice") {
    input.multiple = parameter.many;
    for (const choice of parameter.is_optional && !parameter.many ? ["", ...parameter.choices] : parameter.choices) {
      input.add(new Option(choice || "none", choice));
    }
  } else if (parameter.kind === "bool" && !parameter.many && !parameter.is_optional) {
    input.type = "checkbox";
  } else if (!parameter.many) {
    input.type = { int: "number", float: "number", date: "date", datetime: "datetime-local" }[parameter.kind] ?? "text";
    if (parameter.minimum !== null) input.min = parameter.minimum;
    if (parameter.maximum !== null) input.max = parameter.maximum;
    input.step = parameter.step ?? (parameter.kind === "float" ? "any" : parameter.kind === "datetime" ? 60 : 1);
  }
  input.name = parameter.name;
  inputs.set(parameter.name, input);
  label.append(words);
  if (input.type === "number" && input.min !== "" && input.max !== "" && !parameter.is_optional) label.append(slider(input, parameter));
  label.append(input);
  return label;
}

function slider(input, parameter) {
  const range = document.createElement("input");
  range.type = "range";
  range.min = input.min;
  range.max = input.max;
  range.step = parameter.step ?? (parameter.kind === "float" ? (parameter.maximum - parameter.minimum) / 200 : 1);
  range.setAttribute("aria-label", parameter.name);
  range.addEventListener("input", () => { input.value = range.value; });
  const follow = () => { range.value = input.value; };
  input.addEventListener("input", follow);
  input.addEventListener("figserve:put", follow);
  return range;
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", reject);
    reader.readAsDataURL(blob);
  });
}

export default { render };
