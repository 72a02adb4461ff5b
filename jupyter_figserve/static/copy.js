// Copy buttons beside snippets; without this script the text can still be selected.
const status = document.getElementById("copied");

for (const button of document.querySelectorAll("button.copy")) {
  const code = button.previousElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // Pages on plain http have no clipboard: select the text, so that the keyboard copies it.
      getSelection().selectAllChildren(code);
      report(button, "Selected");
      return;
    }
    report(button, "Copied");
  });
}

function report(button, word) {
  const label = button.firstChild;
  label.textContent = word;
  if (status) status.textContent = `${word}.`;
  setTimeout(() => { label.textContent = "Copy"; }, 1500);
}
