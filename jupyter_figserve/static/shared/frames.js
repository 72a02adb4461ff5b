// Frames of interactive figures are as high as their content reports; a frame may only say a number.
const MIN = 80;
const MAX = 2400;
const frames = () => [...document.querySelectorAll("iframe.image-frame")];

addEventListener("message", (event) => {
  const frame = frames().find((one) => one.contentWindow === event.source);
  const height = event.data?.figserveHeight;
  if (!frame || !Number.isFinite(height)) return;
  frame.classList.add("sized");
  frame.style.height = `${Math.min(MAX, Math.max(MIN, Math.ceil(height) + 2))}px`;
});
// Those that have loaded before this script.
for (const frame of frames()) frame.contentWindow?.postMessage("figserve.size", "*");
