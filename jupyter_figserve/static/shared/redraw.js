// Redraws a live image in place: the latest request wins, nothing flickers, and a status line shows the state.
const BUSY_AFTER = 250;
const MAX_TRIES = 30;
const IS_HIDPI = devicePixelRatio > 1.25;

/**
 * Create a redrawer for `place`, which contains a `.frame`, a `.state` and a `.fault`; `dataset.form` is the kind of its
 * content.
 *
 * `address(suffix)` returns the URL to load, `describe()` the value of `place.dataset.drawn` after loading it.
 * Returns `begin()` for the content that came with the page, `draw()`, and `renew()` for a change made by the user.
 */
export function makeRedrawer(place, address, describe) {
  const frame = place.querySelector(".frame");
  const state = place.querySelector(".state");
  const fault = place.querySelector(".fault");
  let timer = null;
  let drawing = false;
  let again = false;
  let tries = 0;

  /** The first image came with the page: only our own request reveals why it failed, or that there is HTML. */
  function begin() {
    const image = frame.querySelector("img");
    if (isHtml() && frame.querySelector("noscript")) whenNear(frame, () => { if (!place.dataset.state) draw(); });
    else if (image && place.dataset.form) drawIfNeeded(image, draw);
    else if (image) whenSettled(image).then(() => drawLearned(image));
  }

  async function drawLearned(image) {
    if (!image.isConnected) return;
    await learnForm();
    if (isHtml()) await draw();
    else drawIfNeeded(image, draw);
  }

  /** An image response does not tell that HTML, which is preferred, is available too. */
  async function learnForm() {
    const answer = await fetch(address("json"), { credentials: "same-origin" }).catch(() => null);
    const form = answer?.ok ? (await answer.json()).form : null;
    if (form && !place.dataset.form) place.dataset.form = form;
  }

  function isHtml() { return place.dataset.form === "html"; }

  async function draw() {
    again = true;
    if (drawing) return;
    drawing = true;
    const slow = setTimeout(() => { say("busy", "Drawing …"); }, BUSY_AFTER);
    while (again) {
      again = false;
      await drawOnce();
    }
    clearTimeout(slow);
    drawing = false;
    place.removeAttribute("aria-busy");
    if (place.dataset.state === "busy") say("", "");
  }

  async function drawOnce() {
    const text = describe();
    const asHtml = isHtml();
    let answer;
    try {
      const headers = { Accept: asHtml ? "application/json" : "image/png" };
      answer = await fetch(asHtml ? framed(address("html")) : forScreen(address("png")), { credentials: "same-origin", headers });
    } catch {
      return fail("The server is not responding. You are seeing the last image.", 3);
    }
    if (!answer.ok) {
      const data = await answer.json().catch(() => null);
      if (answer.status === 415 && asHtml !== (data?.code === "html_only")) {
        // The function now returns the other kind of content.
        place.dataset.form = asHtml ? "image" : "html";
        again = true;
        return;
      }
      const message = data?.error ?? `The server returned status ${answer.status}.`;
      return fail(message, Number(answer.headers.get("Retry-After") ?? 0), data?.traceback);
    }
    const alt = frame.querySelector("img.picture")?.alt ?? place.dataset.alt ?? document.title;
    try {
      if (asHtml) await showFrame(new URL((await answer.json()).frame, answer.url), alt);
      else await showPicture(await answer.blob(), alt, Number(answer.headers.get("Content-DPR") ?? 1));
    } catch {
      return fail("The image cannot be displayed here. Download it instead.", 0);
    }
    if (again) return;
    fault.hidden = true;
    place.dataset.drawn = text;
    if (!place.dataset.form) await learnForm();
    if (isHtml() !== asHtml) {
      again = true;
      return;
    }
    const status = answer.headers.get("Cache-Status") ?? "";
    if (status.includes("stale")) {
      say("stale", `Last image, from ${ago(Number(answer.headers.get("Age") ?? 0))}: the kernel is busy or not running.`);
      retry(5);
    } else {
      say("", "");
    }
  }

  async function showPicture(blob, alt, pixelRatio) {
    const fresh = new Image();
    fresh.className = "picture";
    fresh.alt = alt;
    fresh.src = await dataUrl(blob);
    await fresh.decode();
    if (pixelRatio > 1) {
      fresh.width = Math.round(fresh.naturalWidth / pixelRatio);
      fresh.height = Math.round(fresh.naturalHeight / pixelRatio);
    }
    if (!again) frame.replaceChildren(fresh);
  }

  /** The old frame stays until the new one has loaded. */
  async function showFrame(source, title) {
    const fresh = document.createElement("iframe");
    fresh.className = "picture-frame coming";
    fresh.title = title;
    fresh.setAttribute("sandbox", "allow-scripts");
    fresh.referrerPolicy = "no-referrer";
    fresh.src = source;
    const loaded = new Promise((resolve) => fresh.addEventListener("load", resolve, { once: true }));
    frame.append(fresh);
    await loaded;
    if (again) return fresh.remove();
    for (const old of [...frame.children]) if (old !== fresh) old.remove();
    fresh.classList.remove("coming");
  }

  function fail(message, seconds, traceback) {
    fault.textContent = message;
    if (traceback) {
      const more = document.createElement("details");
      const label = document.createElement("summary");
      const code = document.createElement("pre");
      label.textContent = "Traceback";
      code.textContent = traceback;
      more.append(label, code);
      fault.append(more);
    }
    fault.hidden = false;
    const image = frame.querySelector("img");
    if (image?.complete && image.naturalWidth === 0) image.remove();
    say("failed", frame.querySelector("img, iframe") ? "You are seeing the last image." : "");
    if (seconds) retry(seconds);
  }

  function retry(seconds) {
    if (tries >= MAX_TRIES) return;
    tries += 1;
    clearTimeout(timer);
    timer = setTimeout(draw, 1000 * Math.max(1, seconds) * Math.min(tries, 6));
  }

  function say(kind, message) {
    place.dataset.state = kind;
    if (kind === "busy") place.setAttribute("aria-busy", "true");
    if (state.textContent !== message) state.textContent = message;
  }

  return {
    begin,
    draw,
    renew() { clearTimeout(timer); tries = 0; return draw(); },
    get isDrawing() { return drawing; },
  };
}

/** The URL that answers with a signed frame for the HTML at `address`. */
function framed(address) {
  return `${address}${address.includes("?") ? "&" : "?"}_frame=1`;
}

/**
 * The first image came with the page: whether it failed, only our own request reveals. An image loaded before the page
 * knew its size is drawn again for a HiDPI screen.
 */
function drawIfNeeded(image, draw) {
  const sharpen = () => { if (IS_HIDPI && !image.srcset) draw(); };
  if (image.complete && image.naturalWidth > 0) return sharpen();
  image.addEventListener("error", () => draw(), { once: true });
  image.addEventListener("load", sharpen, { once: true });
  if (image.complete && !image.loading.includes("lazy")) draw();
}

function whenSettled(image) {
  if (image.complete && (image.naturalWidth > 0 || image.loading !== "lazy")) return Promise.resolve();
  return new Promise((resolve) => {
    for (const kind of ["load", "error"]) image.addEventListener(kind, resolve, { once: true });
  });
}

/** Like a lazy image: content outside the viewport makes no request. */
function whenNear(element, act) {
  const observer = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    observer.disconnect();
    act();
  }, { rootMargin: "100%" });
  observer.observe(element);
}

function forScreen(address) {
  return IS_HIDPI ? `${address}${address.includes("?") ? "&" : "?"}_density=2` : address;
}

/** The values of a form's controls by name; checkboxes as true or false, multiple choices comma-separated. */
export function readControls(elements) {
  const values = new Map();
  for (const element of elements) {
    if (!element.name || element.type === "hidden") continue;
    let text = element.value;
    if (element.type === "checkbox") text = String(element.checked);
    else if (element.multiple) text = [...element.selectedOptions].map((option) => option.value).join(",");
    values.set(element.name, text);
  }
  return values;
}

/** Format pairs as a query string, leaving commas and colons unescaped. */
export function writeQuery(pairs) {
  const write = (text) => encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%3A", ":");
  return pairs.map(([name, text]) => `${encodeURIComponent(name)}=${write(text)}`).join("&");
}

/** Add a slider before a number input, which stays the control for the keyboard and for exact values. */
export function addSlider(input) {
  const slider = document.createElement("input");
  slider.type = "range";
  for (const name of ["min", "max", "step"]) slider.setAttribute(name, input.getAttribute(name));
  if (input.hasAttribute("form")) slider.setAttribute("form", input.getAttribute("form"));
  slider.value = input.value;
  slider.setAttribute("aria-label", input.labels[0]?.textContent ?? input.name);
  slider.addEventListener("input", () => { input.value = slider.value; });
  input.addEventListener("input", () => { slider.value = input.value; });
  input.before(slider);
}

function ago(seconds) {
  if (seconds < 90) return `${seconds} seconds ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes ago`;
  return seconds < 130_000 ? `${Math.round(seconds / 3600)} hours ago` : `${Math.round(seconds / 86_400)} days ago`;
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", reject);
    reader.readAsDataURL(blob);
  });
}
