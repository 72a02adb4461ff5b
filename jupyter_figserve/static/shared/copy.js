// Copy buttons beside snippets. Without this script the text can still be selected.
import { copyText } from "./clipboard.js";

/** Make a button copy the text of the element before it; `status` is the live region for screen readers. */
export function enable(button, status) {
  const code = button.previousElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (await copyText(code.textContent, button.parentElement)) {
      report(button, status, "Copied");
      return;
    }
    // Select the text, so that it can be copied with the keyboard.
    getSelection().selectAllChildren(code);
    report(button, status, "Selected");
  });
}

function report(button, status, word) {
  const label = button.firstChild;
  button.dataset.label ??= label.textContent;
  label.textContent = word;
  if (status) status.textContent = `${word}.`;
  setTimeout(() => { label.textContent = button.dataset.label; }, 1500);
}

for (const button of document.querySelectorAll("button[data-text]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const isCopied = await copyText(button.dataset.text, button.parentElement);
    report(button, document.getElementById("copied"), isCopied ? "Copied" : "Copy it from the address bar");
  });
}

/** Make the buttons below `root` work that do not yet. */
export function enableAll(root) {
  for (const button of root.querySelectorAll(".snippet > button.copy[hidden]")) {
    enable(button, document.getElementById(button.dataset.status ?? "copied"));
  }
}

enableAll(document);
