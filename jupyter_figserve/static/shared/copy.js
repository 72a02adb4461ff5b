// Copy buttons beside snippets. Without this script the text can still be selected.

/** Make a button copy the text of the element before it; `status` is the live region for screen readers. */
export function enable(button, status) {
  const code = button.previousElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Pages on plain http have no clipboard API: select the text, so that it can be copied with the keyboard.
      getSelection().selectAllChildren(code);
      report(button, status, "Selected");
      return;
    }
    report(button, status, "Copied");
  });
}

function report(button, status, word) {
  const label = button.firstChild;
  label.textContent = word;
  if (status) status.textContent = `${word}.`;
  setTimeout(() => { label.textContent = "Copy"; }, 1500);
}

for (const button of document.querySelectorAll("button.copy")) {
  enable(button, document.getElementById(button.dataset.status ?? "copied"));
}
