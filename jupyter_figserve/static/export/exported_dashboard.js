// The controls of an exported dashboard: each change shows the image of the nearest exported state, and the URL fragment
// keeps the state, so that it can be shared with the file.
"use strict";
(() => {
  const { axes, panels, images } = JSON.parse(document.getElementById("states").textContent);
  const inputs = new Map([...document.querySelectorAll("[data-key]")].map((input) => [input.dataset.key, input]));
  // The page's own elements contain the initial images; the data does not repeat them.
  for (const element of document.querySelectorAll("[data-number]")) {
    images[element.dataset.number] ??= element.localName === "iframe"
      ? { page: element.srcdoc }
      : { source: element.getAttribute("src"), size: element.hasAttribute("width") ? [element.width, element.height] : null };
  }

  const PAUSE = 150;
  let timer = null;

  const positionOf = (key) => {
    const input = inputs.get(key);
    return input.type === "checkbox" ? Number(input.checked) : Number(input.value);
  };

  const firsts = new Map([...inputs.keys()].map((key) => [key, positionOf(key)]));

  // Values with the same text are identified by their positions.
  function write(key) {
    const { texts } = axes[key];
    const position = positionOf(key);
    return texts.indexOf(texts[position]) === position ? texts[position] : `@${position}`;
  }

  function read(key, text) {
    const { texts } = axes[key];
    const position = texts.includes(text) ? texts.indexOf(text) : Number(/^@(\d+)$/.exec(text)?.[1] ?? NaN);
    return position < texts.length ? position : firsts.get(key);
  }

  function writeFragment() {
    const moved = [...inputs.keys()].filter((key) => positionOf(key) !== firsts.get(key));
    const text = String(new URLSearchParams(moved.map((key) => [key, write(key)])));
    try {
      history.replaceState(null, "", text ? `#${text}` : location.href.replace(/#.*/s, ""));
    } catch {
      // A mail client's preview has no URL of its own; the controls work without it.
    }
  }

  function readFragment() {
    const query = new URLSearchParams(location.hash.slice(1));
    for (const [key, input] of inputs) {
      const position = query.has(key) ? read(key, query.get(key)) : firsts.get(key);
      if (position === positionOf(key)) continue;
      if (input.type === "checkbox") input.checked = position === 1;
      else input.value = position;
      move(key);
    }
  }

  function move(key) {
    const input = inputs.get(key);
    const text = axes[key].texts[positionOf(key)];
    if (input.type === "range") {
      input.setAttribute("aria-valuetext", text);
      input.nextElementSibling.value = text;
    }
    for (const [place, panel] of Object.entries(panels)) if (panel.axes.includes(key)) show(place, panel);
  }

  function show(place, panel) {
    const figure = document.getElementById(`panel-${place}`);
    const substituted = [];
    let number = 0;
    panel.axes.forEach((key, index) => {
      const selected = positionOf(key);
      const exported = panel.exported[index];
      let nearest = 0;
      exported.forEach((one, at) => { if (Math.abs(one - selected) < Math.abs(exported[nearest] - selected)) nearest = at; });
      number = number * exported.length + nearest;
      const text = axes[key].texts[exported[nearest]];
      if (exported[nearest] !== selected) substituted.push([labelOf(key), text, axes[key].texts[selected]]);
      const value = figure.querySelector(`[data-value="${CSS.escape(key)}"]`);
      if (value) value.textContent = text;
    });
    showImage(figure, panel.images[number]);
    const state = figure.querySelector(".state");
    const message = substituted.map(([label, text, selected]) => `${label}: showing ${text}, the nearest to ${selected} in this file.`).join(" ");
    if (state.textContent !== message) state.textContent = message;
  }

  function labelOf(key) {
    return inputs.get(key).labels[0].textContent.trim();
  }

  function showImage(figure, exported) {
    const errorBox = figure.querySelector(".error");
    const place = figure.querySelector(".panel-content");
    const old = place.querySelector("img, iframe");
    const failed = typeof exported === "string";
    errorBox.hidden = !failed;
    if (failed) {
      errorBox.textContent = exported;
      if (old) old.hidden = true;
      return;
    }
    const content = images[exported];
    const next = content.page === undefined ? makeImage(figure, old, content) : makeFrame(figure, old, content);
    next.hidden = false;
    if (next === old) return;
    if (old) old.replaceWith(next);
    else place.prepend(next);
  }

  function makeImage(figure, old, content) {
    const img = old?.localName === "img" ? old : document.createElement("img");
    img.className = "figure-image";
    img.alt = figure.dataset.alt;
    if (content.size) [img.width, img.height] = content.size;
    if (img.getAttribute("src") !== content.source) img.src = content.source;
    return img;
  }

  function makeFrame(figure, old, content) {
    if (old?.localName === "iframe" && old.srcdoc === content.page) return old;
    const iframe = document.createElement("iframe");
    iframe.className = "image-frame";
    iframe.setAttribute("sandbox", "allow-scripts");
    iframe.title = figure.dataset.alt;
    iframe.srcdoc = content.page;
    return iframe;
  }

  document.querySelector("main").classList.add("scripted");
  for (const form of document.querySelectorAll("form.controls")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  for (const [key, input] of inputs) {
    input.addEventListener("input", () => {
      move(key);
      clearTimeout(timer);
      timer = setTimeout(writeFragment, PAUSE);
    });
  }
  readFragment();
  addEventListener("hashchange", readFragment);
})();
