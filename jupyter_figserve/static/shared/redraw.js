// What draws a live picture in its place: the newest wish wins, nothing flickers, and its state is told in words.
const BUSY_AFTER = 250;
const MOST_TRIES = 30;
const IS_DENSE = devicePixelRatio > 1.25;

/**
 * Draws in `place`, which has a `.frame`, a `.state` and a `.fault`, and the form of what it shows as `dataset.form`.
 *
 * `address(suffix)` is the URL to draw, `told()` what `place.dataset.drawn` is to say of it.
 * Returns `begin()` for what the page came with, `draw()`, and `renew()` for a wish that a person made just now.
 */
export function makeDrawer(place, address, told) {
  const frame = place.querySelector(".frame");
  const state = place.querySelector(".state");
  const fault = place.querySelector(".fault");
  let timer = null;
  let drawing = false;
  let again = false;
  let tries = 0;

  /** The first picture came without us: only requests of ours can tell why it failed, and whether there is HTML. */
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

  /** A picture, or its failure, does not say that there is HTML, which would be better. */
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
    const text = told();
    const asHtml = isHtml();
    let answer;
    try {
      const headers = { Accept: asHtml ? "application/json" : "image/png" };
      answer = await fetch(asHtml ? framed(address("html")) : forScreen(address("png")), { credentials: "same-origin", headers });
    } catch {
      return fail("The server does not answer. This is the last picture.", 3);
    }
    if (!answer.ok) {
      const data = await answer.json().catch(() => null);
      if (answer.status === 415 && asHtml !== (data?.code === "html_only")) {
        // What the function gives now has the other form.
        place.dataset.form = asHtml ? "picture" : "html";
        again = true;
        return;
      }
      const words = data?.error ?? `The server answered ${answer.status}.`;
      return fail(words, Number(answer.headers.get("Retry-After") ?? 0), data?.traceback);
    }
    const alt = frame.querySelector("img.picture")?.alt ?? place.dataset.alt ?? document.title;
    try {
      if (asHtml) await showFrame(new URL((await answer.json()).frame, answer.url), alt);
      else await showPicture(await answer.blob(), alt, Number(answer.headers.get("Content-DPR") ?? 1));
    } catch {
      return fail("The picture cannot be shown here; download it instead.", 0);
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
      say("stale", `From ${ago(Number(answer.headers.get("Age") ?? 0))}: the kernel is busy or gone.`);
      retry(5);
    } else {
      say("", "");
    }
  }

  async function showPicture(blob, alt, density) {
    const fresh = new Image();
    fresh.className = "picture";
    fresh.alt = alt;
    fresh.src = await dataUrl(blob);
    await fresh.decode();
    if (density > 1) {
      fresh.width = Math.round(fresh.naturalWidth / density);
      fresh.height = Math.round(fresh.naturalHeight / density);
    }
    if (!again) frame.replaceChildren(fresh);
  }

  /** The old one stays until the new one is there. */
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

  function fail(words, seconds, traceback) {
    fault.textContent = words;
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
    say("failed", frame.querySelector("img, iframe") ? "This is the last picture." : "");
    if (seconds) retry(seconds);
  }

  function retry(seconds) {
    if (tries >= MOST_TRIES) return;
    tries += 1;
    clearTimeout(timer);
    timer = setTimeout(draw, 1000 * Math.max(1, seconds) * Math.min(tries, 6));
  }

  function say(kind, words) {
    place.dataset.state = kind;
    if (kind === "busy") place.setAttribute("aria-busy", "true");
    if (state.textContent !== words) state.textContent = words;
  }

  return {
    begin,
    draw,
    renew() { clearTimeout(timer); tries = 0; return draw(); },
    get isDrawing() { return drawing; },
  };
}

/** Where to ask for a frame that shows the HTML of an address. */
function framed(address) {
  return `${address}${address.includes("?") ? "&" : "?"}_frame=1`;
}

/**
 * The first picture came without us: whether it failed only a request of ours can tell. One that came before the page
 * knew its size is drawn again for a dense screen.
 */
function drawIfNeeded(image, draw) {
  const sharpen = () => { if (IS_DENSE && !image.srcset) draw(); };
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

/** As for a lazy picture: what nobody looks at asks no kernel. */
function whenNear(element, act) {
  const observer = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    observer.disconnect();
    act();
  }, { rootMargin: "100%" });
  observer.observe(element);
}

function forScreen(address) {
  return IS_DENSE ? `${address}${address.includes("?") ? "&" : "?"}_density=2` : address;
}

/** What a form's controls say, by their names; boxes in words, several chosen options with commas. */
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

/** Names and texts as a query, with commas and colons as they are. */
export function writeQuery(pairs) {
  const write = (text) => encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%3A", ":");
  return pairs.map(([name, text]) => `${encodeURIComponent(name)}=${write(text)}`).join("&");
}

/** A slider before a number: the number stays the control, for the keyboard and for exact values. */
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
