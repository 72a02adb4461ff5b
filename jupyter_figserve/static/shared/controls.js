// The controls of live figures in pages: their values, sliders, and messages at their fields.

/** Remove the fields that ask the server to draw, which only a form without this script submits. */
export function dropUnscripted(form) {
  for (const field of form.querySelectorAll("[data-unscripted]")) field.remove();
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

/** Show the message about a parameter at its field in the form of `place`; returns whether there is one. */
export function showAtField(place, message) {
  const [, name, rest] = /^(\w+)=.*?: (.+)$/s.exec(message) ?? [];
  const field = name && [...place.querySelectorAll(".controls [name]")].find((one) => one.name === name && one.type !== "hidden");
  if (!field) return false;
  const hint = document.createElement("p");
  Object.assign(hint, { className: "field-error", id: `${field.id}-error`, textContent: rest.charAt(0).toUpperCase() + rest.slice(1) });
  hint.setAttribute("role", "alert");
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-errormessage", hint.id);
  field.closest(".control").append(hint);
  return true;
}

/** Remove the messages of `showAtField`. */
export function clearFields(place) {
  for (const field of place.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-errormessage");
  }
  for (const hint of place.querySelectorAll(".field-error")) hint.remove();
}
