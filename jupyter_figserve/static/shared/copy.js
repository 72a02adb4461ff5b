// Copy buttons beside snippets; without this script the text can still be selected.

/** Let a button copy the text of the element before it; `status` is where people who hear are told. */
export function enable(button, status) {
  const code = button.previousElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Pages on plain http have no clipboard: select the text, so that the keyboard copies it.
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
