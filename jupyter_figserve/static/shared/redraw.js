// Redraws a live image in place: the latest request wins, nothing flickers, and a status line shows the state.
import { clearFields, showAtField } from "./controls.js";
import { dataElement } from "./data_table.js";

const BUSY_AFTER = 250;
const MAX_TRIES = 30;
const MAX_TURNS = 4;
const IS_HIDPI = devicePixelRatio > 1.25;
const RASTER = ["png", "jpg", "webp"];

/**
 * Create a redrawer for `place`, which contains a `.frame`, a `.state` and a `.error`. Its dataset has the `form` of the
 * function's result, the selected `format`, `refresh` in seconds, and `offline` if the function is unavailable.
 *
 * `address(suffix)` returns the URL to load, `describe()` the value of `place.dataset.rendered` after loading it.
 * Returns `begin()` for the page's initial content, `draw()`, `renew()` for a change made by the user,
 * `refresh()` for new data, and `progress(done, total)` of the running call.
 */
export function makeRedrawer(place, address, describe) {
  const frame = place.querySelector(".frame");
  const state = place.querySelector(".state");
  const errorBox = place.querySelector(".error:not([data-notice])");
  let timer = null;
  let drawing = false;
  let again = false;
  let tries = 0;
  let turns = 0;
  let isFresh = false;

  if (Number(place.dataset.refresh) > 0) poll(Number(place.dataset.refresh) * 1000);

  /** A function whose form is unknown has no initial image; for others, our own request reveals why theirs failed. */
  function begin() {
    const image = frame.querySelector("img.figure-image");
    if (image) drawIfNeeded(image, draw, "offline" in place.dataset);
    else if (suffix() === "json" && !frame.querySelector(".data") && isOpen()) whenNear(frame, draw);
    else if (frame.querySelector("noscript")) whenNear(frame, () => { if (!place.dataset.state) draw(); });
  }

  /** An image response does not reveal that HTML, which is preferred, is also available. */
  async function learnForm() {
    const answer = await fetch(withQuery(address("json"), "_record=1"), { credentials: "same-origin" }).catch(() => null);
    const form = answer?.ok ? (await answer.json()).form : null;
    if (form && !place.dataset.form) place.dataset.form = form;
  }

  /** The suffix of the content: the chosen format, else the function's own. */
  function suffix() {
    const { form, format } = place.dataset;
    if (form === "data") return "json";
    if (format) return format;
    return !form || form === "picture" ? "png" : form;
  }

  /** Record the function's own format from an error that names it; returns whether it differs. */
  function learnFrom(code, asked) {
    const own = /^([a-z]+)_only$/.exec(code ?? "")?.[1];
    if (place.dataset.format === asked) delete place.dataset.format;
    if (own) place.dataset.form = own === "png" ? "picture" : own;
    else if (suffix() === asked) place.dataset.form = asked === "json" ? "" : "picture";
    turns += 1;
    return suffix() !== asked && turns < MAX_TURNS;
  }

  function isOpen() { return !place.closest("[data-paused]"); }

  async function draw() {
    again = true;
    if (drawing) return;
    drawing = true;
    turns = 0;
    const slow = setTimeout(() => { say("busy", "Drawing …"); }, BUSY_AFTER);
    while (again) {
      again = false;
      await drawOnce();
      hideProgress();
    }
    clearTimeout(slow);
    drawing = false;
    place.removeAttribute("aria-busy");
    if (place.dataset.state === "busy") say("", "");
  }

  async function drawOnce() {
    const text = describe();
    const asked = suffix();
    // A shared cache may hold an image from before the data changed.
    const cache = isFresh ? "no-cache" : "default";
    isFresh = false;
    let answer;
    try {
      // With "lenient", an unavailable format or a failing function is no failed request, which the browser would log.
      const headers = { Accept: asked === "html" || asked === "json" ? "application/json" : "image/*", Prefer: "handling=lenient" };
      answer = await fetch(requestUrl(asked), { credentials: "same-origin", headers, cache });
    } catch {
      return fail("The server is not responding. You are seeing the last image.", 3);
    }
    // Data may come with a status of its own.
    const hasResult = isResult(answer) || (asked === "json" && answer.headers.has("Cache-Status"));
    if (!hasResult) {
      const data = await answer.json().catch(() => null);
      if (isAboutFormat(data?.code) && learnFrom(data.code, asked)) {
        again = true;
        return;
      }
      const message = data?.error ?? `The server returned status ${answer.status}.`;
      return fail(message, Number(answer.headers.get("Retry-After") ?? 0), data?.traceback, data?.code);
    }
    const alt = frame.querySelector("img.figure-image")?.alt ?? place.dataset.alt ?? document.title;
    try {
      if (asked === "html") await showFrame(new URL((await answer.json()).frame, answer.url), alt);
      else if (asked === "json") showData(await answer.text());
      else await showImage(await answer.blob(), alt, Number(answer.headers.get("Content-DPR") ?? 1));
    } catch {
      return fail("The image cannot be displayed here. Download it instead.", 0);
    }
    if (again) return;
    errorBox.hidden = true;
    clearFields(place);
    place.dataset.rendered = text;
    if (!place.dataset.form) await learnForm();
    if (suffix() !== asked) {
      again = true;
      return;
    }
    sayState(answer);
  }

  function requestUrl(asked) {
    if (asked === "html") return withQuery(address("html"), "_frame=1");
    return RASTER.includes(asked) && IS_HIDPI ? withQuery(address(asked), "_density=2") : address(asked);
  }

  function sayState(answer) {
    const status = answer.headers.get("Cache-Status") ?? "";
    if (status.includes("stale")) {
      say("stale", `Last image, from ${ago(Number(answer.headers.get("Age") ?? 0))}: the kernel is busy or not running.`);
      retry(5);
      return;
    }
    delete place.dataset.offline;
    say("", answer.ok ? "" : `Status ${answer.status}`);
  }

  function showData(text) {
    if (!again) frame.replaceChildren(dataElement(text));
  }

  async function showImage(blob, alt, pixelRatio) {
    const fresh = new Image();
    fresh.className = "figure-image";
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
    fresh.className = "image-frame loading";
    fresh.title = title;
    fresh.setAttribute("sandbox", "allow-scripts");
    fresh.referrerPolicy = "no-referrer";
    fresh.src = source;
    const loaded = new Promise((resolve) => fresh.addEventListener("load", resolve, { once: true }));
    frame.append(fresh);
    await loaded;
    if (again) return fresh.remove();
    for (const old of [...frame.children]) if (old !== fresh) old.remove();
    fresh.classList.remove("loading");
  }

  /** Show an error above the image, which stays; one about a parameter at its field. */
  function fail(message, seconds, traceback, code) {
    clearFields(place);
    const isAtField = code === "invalid_parameter" && showAtField(place, message);
    errorBox.textContent = isAtField ? "" : message;
    if (traceback) {
      const more = document.createElement("details");
      const label = document.createElement("summary");
      const text = document.createElement("pre");
      label.textContent = "Traceback";
      text.textContent = traceback;
      more.append(label, text);
      errorBox.append(more);
    }
    errorBox.hidden = isAtField;
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

  /** Poll every `pause` milliseconds, except in a hidden page and while the function is unavailable. */
  function poll(pause) {
    let isDue = false;
    const ask = () => {
      const isStopped = !isOpen() || drawing || ["stale", "failed"].includes(place.dataset.state) || "offline" in place.dataset;
      isDue = document.hidden;
      if (!isDue && !isStopped) refresh();
    };
    setInterval(ask, pause);
    document.addEventListener("visibilitychange", () => { if (isDue && !document.hidden) ask(); });
  }

  function refresh() {
    isFresh = true;
    clearTimeout(timer);
    tries = 0;
    return draw();
  }

  /** Show the progress of the pending call. */
  function progress(done, total) {
    const image = frame.querySelector("img.figure-image");
    const isLoading = image && !image.complete;
    if (!drawing && !isLoading) return;
    let bar = frame.querySelector("progress");
    if (!bar) {
      bar = document.createElement("progress");
      bar.setAttribute("aria-label", "Progress");
      frame.prepend(bar);
      if (!drawing) for (const kind of ["load", "error"]) image.addEventListener(kind, () => { hideProgress(); say("", ""); }, { once: true });
    }
    bar.max = total;
    bar.value = done;
    say("busy", `Drawing … ${Math.floor((100 * done) / total)} %`);
  }

  function hideProgress() { frame.querySelector("progress")?.remove(); }

  return {
    begin,
    draw,
    refresh,
    progress,
    renew() { clearTimeout(timer); tries = 0; return draw(); },
    get isDrawing() { return drawing; },
  };
}

function isAboutFormat(code) { return /_only$|^not_data$|^unsupported_type$/.test(code ?? ""); }

function isResult(answer) { return answer.ok && !answer.headers.has("Preference-Applied"); }

function withQuery(address, text) {
  return `${address}${address.includes("?") ? "&" : "?"}${text}`;
}

/**
 * For the page's initial image, only a request of our own reveals whether it failed or is stale. An image whose size was
 * unknown when it loaded is redrawn for a HiDPI screen.
 */
function drawIfNeeded(image, draw, isOffline) {
  const look = () => { if (isOffline || isStale(image) || (IS_HIDPI && !image.srcset)) draw(); };
  if (image.complete && image.naturalWidth > 0) return look();
  image.addEventListener("error", () => draw(), { once: true });
  image.addEventListener("load", look, { once: true });
  if (image.complete && !image.loading.includes("lazy")) draw();
}

/** Whether the server marked the page's own image as stale; browsers expose this header to secure pages only. */
function isStale(image) {
  const loads = performance.getEntriesByName(image.currentSrc);
  return Boolean(loads.at(-1)?.serverTiming?.some((one) => one.name === "stale"));
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

function ago(seconds) {
  if (seconds < 90) return `${seconds} s ago`;
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
