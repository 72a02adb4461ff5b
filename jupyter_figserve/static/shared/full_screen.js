// Buttons that show a part of the page on the whole screen: `data-full-screen` is the selector of the part.

const LABEL = "Full screen";

for (const button of document.querySelectorAll("button[data-full-screen]")) {
  // Phones without full screen for elements show the image larger by its own link.
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.querySelector(button.dataset.fullScreen)?.requestFullscreen().catch(() => { button.hidden = true; });
  });
}
document.addEventListener("fullscreenchange", () => {
  const shown = document.fullscreenElement;
  for (const button of document.querySelectorAll("button[data-full-screen]")) {
    button.textContent = shown?.contains(button) ? "Exit full screen" : LABEL;
  }
});
