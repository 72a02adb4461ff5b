// A live figure's form made quick: each move draws, the newest wins, and the address says what is seen.
// Without this script the form is sent like any other.
const PAUSE = 120;
const BUSY_AFTER = 250;
const MOST_TRIES = 30;

for (const place of document.querySelectorAll(".live")) start(place);

function start(place) {
  const form = place.querySelector("form.controls");
  const frame = place.querySelector(".frame");
  const state = place.querySelector(".state");
  const fault = place.querySelector(".fault");
  const defaults = JSON.parse(place.dataset.defaults);
  const address = new URL(place.dataset.address, location.href);
  // What the address says besides, such as a width.
  const names = new Set([...form.elements].map((element) => element.name).filter(Boolean));
  const others = [...new URLSearchParams(location.search)].filter(([name]) => !names.has(name));
  let timer = null;
  let drawing = false;
  let again = false;
  let tries = 0;

  for (const input of form.querySelectorAll("input[data-range]")) addSlider(input);
  form.querySelector(".draw").classList.add("quiet");
  place.classList.add("scripted");
  const image = frame.querySelector("img");
  // The first picture came without us: whether it failed only a request of ours can tell.
  if (image && (!image.complete || image.naturalWidth === 0)) {
    image.addEventListener("error", () => draw(), { once: true });
    if (image.complete) draw();
  }

  form.addEventListener("input", () => soon(PAUSE));
  form.addEventListener("change", () => soon(0));
  form.addEventListener("submit", (event) => { event.preventDefault(); soon(0, true); });
  addEventListener("popstate", () => location.reload());
  place.addEventListener("figserve:redraw", () => soon(0, true));

  function soon(pause, always = false) {
    const next = query();
    if (!always && next === drawnQuery() && !drawing) return;
    clearTimeout(timer);
    timer = setTimeout(() => { tries = 0; show(next); draw(); }, pause);
  }

  function drawnQuery() { return location.search.slice(1); }

  function show(text) {
    if (text === drawnQuery()) return;
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
    for (const link of document.querySelectorAll("a[data-suffix]")) {
      link.href = `${address.pathname}.${link.dataset.suffix}${text ? `?${text}` : ""}`;
    }
  }

  function query() {
    const values = new Map();
    for (const element of form.elements) {
      if (!element.name || element.type === "hidden") continue;
      let text = element.value;
      if (element.type === "checkbox") text = String(element.checked);
      else if (element.multiple) text = [...element.selectedOptions].map((option) => option.value).join(",");
      values.set(element.name, text);
    }
    return [...values].filter(([name, text]) => text !== defaults[name])
      .concat(others)
      .map(([name, text]) => `${encodeURIComponent(name)}=${encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%3A", ":")}`)
      .join("&");
  }

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
    const text = drawnQuery();
    const url = `${address.pathname}.png${text ? `?${text}` : ""}`;
    let answer;
    try {
      answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "image/png" } });
    } catch {
      return fail("The server does not answer. This is the last picture.", 3);
    }
    if (!answer.ok) {
      const data = await answer.json().catch(() => null);
      const words = data?.error ?? `The server answered ${answer.status}.`;
      return fail(words, Number(answer.headers.get("Retry-After") ?? 0), data?.traceback);
    }
    const fresh = new Image();
    fresh.className = "picture";
    fresh.alt = place.querySelector("img.picture")?.alt ?? document.title;
    fresh.src = await dataUrl(await answer.blob());
    try {
      await fresh.decode();
    } catch {
      return fail("The picture cannot be shown here; download it instead.", 0);
    }
    if (again) return;
    frame.replaceChildren(fresh);
    fault.hidden = true;
    place.dataset.drawn = text;
    const status = answer.headers.get("Cache-Status") ?? "";
    if (status.includes("stale")) {
      say("stale", `From ${ago(Number(answer.headers.get("Age") ?? 0))}: the kernel is busy or gone.`);
      retry(5);
    } else {
      say("", "");
    }
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
    say("failed", frame.querySelector("img") ? "This is the last picture." : "");
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
}

/** A slider before a number: the number stays the control, for the keyboard and for exact values. */
function addSlider(input) {
  const slider = document.createElement("input");
  slider.type = "range";
  for (const name of ["min", "max", "step"]) slider.setAttribute(name, input.getAttribute(name));
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

// The owner's page hears when the function changes, goes and comes back.
const page = document.querySelector("main[data-live]");
if (page) {
  const { listen } = await import("./stream.js");
  listen((kind, data) => {
    if (data?.live !== page.dataset.live) return;
    if (kind === "live.changed") location.reload();
    if (kind === "live.offered" || kind === "live.gone") {
      page.querySelector(".live").dispatchEvent(new CustomEvent("figserve:redraw"));
    }
  });
}
