// Elements of the extension's own interface, and its style sheet.

/** Return an element with properties; those that start with `aria` or `data-` become attributes. */
export function makeElement(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name.startsWith("data-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export function makeButton(label, run, properties = {}) {
  const button = makeElement("button", { type: "button", textContent: label, ...properties });
  button.addEventListener("click", run);
  return button;
}

/** Add the extension's style sheet to the page. */
export function useStyles() {
  document.head.append(makeElement("link", { rel: "stylesheet", href: new URL("style.css", import.meta.url).href }));
}
