// Shows sentences of the server, in which commands and settings stand between backticks.

/** Fill `element` with `text`; what stands between backticks becomes `code`. */
export function fillProse(element, text) {
  const parts = text.split("`");
  element.replaceChildren(...parts.map((part, index) => {
    if (index % 2 === 0 || index === parts.length - 1) return index % 2 === 0 ? part : `\`${part}`;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  }));
}
