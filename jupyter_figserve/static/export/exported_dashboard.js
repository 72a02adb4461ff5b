// The controls of an exported dashboard: each change shows the image of the nearest exported state, and the URL fragment
// keeps the state, so that it can be shared with the file.
"use strict";
(() => {
  const { axes, panels, pictures } = JSON.parse(document.getElementById("states").textContent);
  const inputs = new Map([...document.querySelectorAll("[data-key]")].map((input) => [input.dataset.key, input]));
  // The initial content is in the page's elements only.
  for (const shown of document.querySelectorAll("[data-number]")) {
    pictures[shown.dataset.number] ??= shown.localName === "iframe"
      ? { page: shown.srcdoc }
      : { source: shown.getAttribute("src"), size: shown.hasAttribute("width") ? [shown.width, shown.height] : null };
  }

  const PAUSE = 150;
  let timer = null;

  const positionOf = (key) => {
    const input = inputs.get(key);
    return input.type === "checkbox" ? Number(input.checked) : Number(input.value);
  };

  const firsts = new Map([...inputs.keys()].map((key) => [key, positionOf(key)]));

  // Two values may have the same text; then their positions tell them apart.
  function write(key) {
    const { words } = axes[key];
    const position = positionOf(key);
    return words.indexOf(words[position]) === position ? words[position] : `@${position}`;
  }

  function read(key, text) {
    const { words } = axes[key];
    const position = words.includes(text) ? words.indexOf(text) : Number(/^@(\d+)$/.exec(text)?.[1] ?? NaN);
    return position < words.length ? position : firsts.get(key);
  }

  function writeAddress() {
    const moved = [...inputs.keys()].filter((key) => positionOf(key) !== firsts.get(key));
    const text = String(new URLSearchParams(moved.map((key) => [key, write(key)])));
    try {
      history.replaceState(null, "", text ? `#${text}` : location.href.replace(/#.*/s, ""));
    } catch {
      // A mail client's preview has no URL of its own; the controls work without it.
    }
  }

  function readAddress() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const [key, input] of inputs) {
      const position = said.has(key) ? read(key, said.get(key)) : firsts.get(key);
      if (position === positionOf(key)) continue;
      if (input.type === "checkbox") input.checked = position === 1;
      else input.value = position;
      move(key);
    }
  }

  function move(key) {
    const input = inputs.get(key);
    const text = axes[key].words[positionOf(key)];
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
      const wanted = positionOf(key);
      const drawn = panel.drawn[index];
      let nearest = 0;
      drawn.forEach((one, at) => { if (Math.abs(one - wanted) < Math.abs(drawn[nearest] - wanted)) nearest = at; });
      number = number * drawn.length + nearest;
      const text = axes[key].words[drawn[nearest]];
      if (drawn[nearest] !== wanted) substituted.push([labelOf(key), text, axes[key].words[wanted]]);
      const value = figure.querySelector(`[data-value="${CSS.escape(key)}"]`);
      if (value) value.textContent = text;
    });
    put(figure, panel.shots[number]);
    const state = figure.querySelector(".state");
    const said = substituted.map(([label, text, wanted]) => `${label}: showing ${text}, the nearest to ${wanted} in this file.`).join(" ");
    if (state.textContent !== said) state.textContent = said;
  }

  function labelOf(key) {
    return inputs.get(key).labels[0].textContent.trim();
  }

  function put(figure, shot) {
    const fault = figure.querySelector(".fault");
    const place = figure.querySelector(".shown");
    const old = place.querySelector("img, iframe");
    const failed = typeof shot === "string";
    fault.hidden = !failed;
    if (failed) {
      fault.textContent = shot;
      if (old) old.hidden = true;
      return;
    }
    const picture = pictures[shot];
    const next = picture.page === undefined ? image(figure, old, picture) : frame(figure, old, picture);
    next.hidden = false;
    if (next === old) return;
    if (old) old.replaceWith(next);
    else place.prepend(next);
  }

  function image(figure, old, picture) {
    const shown = old?.localName === "img" ? old : document.createElement("img");
    shown.className = "picture";
    shown.alt = figure.dataset.alt;
    if (picture.size) [shown.width, shown.height] = picture.size;
    if (shown.getAttribute("src") !== picture.source) shown.src = picture.source;
    return shown;
  }

  function frame(figure, old, picture) {
    if (old?.localName === "iframe" && old.srcdoc === picture.page) return old;
    const shown = document.createElement("iframe");
    shown.className = "picture-frame";
    shown.setAttribute("sandbox", "allow-scripts");
    shown.title = figure.dataset.alt;
    shown.srcdoc = picture.page;
    return shown;
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
      timer = setTimeout(writeAddress, PAUSE);
    });
  }
  readAddress();
  addEventListener("hashchange", readAddress);
})();
