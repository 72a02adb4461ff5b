// Shared by the notebook's widgets: a control for each parameter, reading and writing its value, and requesting images.
// This text is prepended to each widget's own script, which is one module.

// A form of controls. JupyterLab's shortcuts are suppressed in it: an arrow key would collapse a notebook section.
function makeForm(controls, inputs, keyOf = (parameter) => parameter.name) {
  const form = document.createElement("form");
  form.className = "figserve-controls";
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const control of controls) form.append(makeControl(control, keyOf(control), inputs));
  for (const element of form.querySelectorAll("input, select")) element.dataset.lmSuppressShortcuts = "true";
  return form;
}

function makeControl(parameter, key, inputs) {
  const label = document.createElement("label");
  label.className = "control";
  const caption = part("caption", captionOf(parameter));
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
  input.name = key;
  inputs.set(key, input);
  label.append(caption);
  if (input.type === "checkbox" || input.tagName === "SELECT") {
    label.classList.toggle("tick", input.type === "checkbox");
    label.append(input);
    return label;
  }
  const isRange = input.type === "number" && input.min !== "" && input.max !== "" && !parameter.is_optional;
  const entry = part("entry", "");
  if (isRange) entry.append(makeSlider(input, parameter));
  entry.append(input);
  const hint = parameter.many ? "comma-separated" : parameter.is_optional ? "optional" : isRange ? `${input.min} to ${input.max}` : "";
  input.setAttribute("aria-label", caption.textContent);
  label.append(entry, part("hint", hint));
  return label;
}

function part(name, text) {
  return Object.assign(document.createElement("span"), { className: name, textContent: text });
}

// The label of a parameter, as on the page of its figure.
function captionOf(parameter) {
  const text = parameter.name.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function makeSlider(input, parameter) {
  const range = document.createElement("input");
  range.type = "range";
  range.min = input.min;
  range.max = input.max;
  range.step = parameter.step ?? (parameter.kind === "float" ? (parameter.maximum - parameter.minimum) / 200 : 1);
  for (const one of [range, input]) one.setAttribute("aria-label", captionOf(parameter));
  range.addEventListener("input", () => { input.value = range.value; });
  const follow = () => { range.value = input.value; };
  input.addEventListener("input", follow);
  input.addEventListener("figserve:put", follow);
  return range;
}

// Write values into the inputs, by key.
function writeValues(inputs, values) {
  for (const [key, input] of inputs) {
    const value = values[key];
    if (input.type === "checkbox") input.checked = Boolean(value);
    else if (input.multiple) for (const option of input.options) option.selected = (value ?? []).includes(option.value);
    else input.value = Array.isArray(value) ? value.join(",") : value ?? "";
    input.dispatchEvent(new Event("figserve:put"));
  }
}

// Return the inputs' values by key, as text that the kernel parses.
function readValues(parameters, inputs, keyOf = (parameter) => parameter.name) {
  const values = {};
  for (const parameter of parameters) {
    const key = keyOf(parameter);
    const input = inputs.get(key);
    if (input.type === "checkbox") values[key] = input.checked;
    else if (input.multiple) values[key] = [...input.selectedOptions].map((option) => option.value);
    else if (parameter.many) values[key] = input.value.split(",").map((text) => text.trim()).filter(Boolean);
    else if (parameter.is_optional && input.value === "") values[key] = null;
    else values[key] = input.value;
  }
  return values;
}

function queryOf(values) {
  const texts = Object.entries(values).map(([name, value]) => [
    name, Array.isArray(value) ? value.map((one) => String(one).replaceAll("\\", "\\\\").replaceAll(",", "\\,")).join(",") : String(value ?? ""),
  ]);
  return new URLSearchParams(texts).toString();
}

// Requests images: from the page's own server, which answers while the kernel is busy; on pages outside a Jupyter
// server (VS Code, Colab), through widget messages.
function makeLine(model) {
  const waiting = new Map();
  const listeners = new Map();
  const forms = new Map();
  const receive = (message, buffers) => {
    if (message.progress) {
      listeners.get(message.rid)?.(...message.progress);
      return;
    }
    listeners.delete(message.rid);
    const resolve = waiting.get(message.rid);
    waiting.delete(message.rid);
    resolve?.({ message, buffers });
  };
  model.on("msg:custom", receive);
  return { image, ask, close: () => model.off("msg:custom", receive) };

  async function ask(message, progress = null) {
    const rid = Math.random().toString(36).slice(2);
    if (progress) listeners.set(rid, progress);
    const reply = new Promise((resolve) => { waiting.set(rid, resolve); });
    model.send({ ...message, rid });
    const { message: answer, buffers } = await reply;
    if (answer.error) throw Object.assign(new Error(answer.error), { code: answer.code });
    return new Blob([buffers[0]], { type: answer.mimetype });
  }

  // The image, or the HTML or data of a function that returns only that, and a note about it. `message` has the `place`
  // of a panel, its chosen `format`, the `declared` form, and `progress`, a callback for the progress of the call.
  async function image(path, values, { format, declared, progress, ...message }) {
    const form = forms.get(message.place) ?? (declared === "data" ? "json" : format ?? (!declared || declared === "picture" ? "png" : declared));
    try {
      return await imageAs(form, path, values, message, progress);
    } catch (error) {
      const own = /^([a-z]+)_only$/.exec(error.code ?? "")?.[1];
      if (!own && !["unsupported_type", "not_data"].includes(error.code)) throw error;
      const other = own === "data" ? "json" : own ?? "png";
      if (other === form) throw error;
      forms.set(message.place, other);
      return imageAs(other, path, values, message, progress);
    }
  }

  async function imageAs(form, path, values, message, progress) {
    if (path && document.getElementById("jupyter-config-data")) {
      const query = queryOf(form === "png" && isHidpi() ? { ...values, _density: 2 } : values);
      // With "lenient", an unavailable format is no failed request, which the browser would log.
      const headers = { Prefer: "handling=lenient" };
      const answer = await request(`${path}.${form}?${query}`, headers);
      // Data may come with a status of its own.
      const isResult = answer?.ok && !answer.headers.has("Preference-Applied");
      if (isResult || (form === "json" && answer?.headers.has("Cache-Status"))) {
        const stale = (answer.headers.get("Cache-Status") ?? "").includes("stale");
        const pixelRatio = Number(answer.headers.get("Content-DPR") ?? 1);
        return [await answer.blob(), stale ? "You are seeing an earlier image: the kernel is busy or not running." : "", pixelRatio];
      }
      if (answer && answer.status !== 404) throw await failureOf(answer);
    }
    return [await ask({ ...message, op: "draw", format: form, arguments: values }, progress), "", 1];
  }
}

// Show the content once it is loaded, unless `isWanted()` is then false because newer content is loading; returns whether
// it is shown. HTML gets a frame without an origin, and the image is hidden.
async function showIn(image, blob, pixelRatio, isWanted) {
  const isPage = blob.type.startsWith("text/html");
  const next = isPage ? await loadPage(image, blob) : isData(blob) ? await loadData(image, blob) : await decoded(blob);
  const wanted = isWanted();
  for (const element of image.parentNode.querySelectorAll(":scope > iframe, :scope > .data")) {
    if (wanted ? element !== next : element === next) element.remove();
  }
  if (!wanted) return false;
  image.hidden = isPage || isData(blob);
  if (image.hidden) next.classList.remove("loading");
  else Object.assign(image, { src: next.src, ...sizeOf(next, pixelRatio) });
  return true;
}

function isData(blob) { return blob.type.startsWith("application/json"); }

async function loadData(image, blob) {
  const element = dataElement(await blob.text());
  image.after(element);
  return element;
}

// Loaded beside the current content.
async function loadPage(image, blob) {
  const frame = document.createElement("iframe");
  frame.className = "loading";
  frame.title = image.alt;
  frame.setAttribute("sandbox", "allow-scripts");
  frame.srcdoc = await blob.text();
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  image.after(frame);
  await loaded;
  return frame;
}

// Turn an error response into an Error.
async function failureOf(answer) {
  const data = await answer.json().catch(() => null);
  return Object.assign(new Error(data?.error ?? `The server returned status ${answer.status}.`), { code: data?.code });
}

// A decoded image, which can be shown at once.
async function decoded(blob) {
  const image = new Image();
  image.src = await dataUrl(blob);
  await image.decode();
  return image;
}

function isHidpi() { return devicePixelRatio > 1.25; }

// The CSS size of an image with `pixelRatio` pixels for each CSS pixel, in each direction.
function sizeOf(image, pixelRatio) {
  return { width: Math.round(image.naturalWidth / pixelRatio), height: Math.round(image.naturalHeight / pixelRatio) };
}

// Serialize `run`: it never runs twice at the same time, and runs once more if requested meanwhile. It receives a function
// that returns whether it was. After an error, the next request runs it again.
function serialize(run) {
  let again = false;
  let busy = false;
  return async function ask() {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      try {
        await run(() => again);
      } catch (error) {
        reportError(error);
      }
    }
    busy = false;
  };
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", reject);
    reader.readAsDataURL(blob);
  });
}

