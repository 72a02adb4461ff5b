// Comparing two versions of a figure: side by side, with a slider across both, or by their difference.

const VIEWS = ["side", "slider", "difference"];
/** Longest edge of the copies whose pixels are compared. */
const MAX_EDGE = 1_000;
/** Difference of a channel, of 255, that is visible: less is the noise of lossy formats. */
const TOLERANCE = 8;

/** Manage the views of `box`, which contains the panes; without two images there is nothing to choose. */
export function compare(box) {
  const bar = box?.querySelector(".compare-views");
  if (!bar) return { renew() {} };
  const note = box.querySelector("[data-note]");
  const slider = box.querySelector(".wipe");
  const images = () => [...box.querySelectorAll(".panes img.figure-image")];
  const asked = new URLSearchParams(location.search).get("view");

  function show(view) {
    box.dataset.view = images().length === 2 ? view : "side";
    const [first, second] = box.dataset.names.split("\n");
    note.textContent = { slider: `Left: ${second}. Right: ${first}.`, difference: "Unchanged pixels are white." }[box.dataset.view] ?? "";
    if (box.dataset.view === "difference") describe();
  }

  async function describe() {
    const found = await measure(images()).catch(() => null);
    if (found && box.dataset.view === "difference") note.textContent = inWords(found);
  }

  bar.addEventListener("change", (event) => {
    show(event.target.value);
    const address = new URL(location.href);
    if (event.target.value === "side") address.searchParams.delete("view");
    else address.searchParams.set("view", event.target.value);
    history.replaceState(null, "", address);
  });
  slider.addEventListener("input", () => box.style.setProperty("--at", `${slider.value}%`));
  const renew = () => {
    bar.hidden = images().length !== 2;
    show(bar.querySelector("input:checked").value);
  };
  if (VIEWS.includes(asked)) bar.querySelector(`[value=${asked}]`).checked = true;
  renew();
  return { renew };
}

function inWords({ visible, any }) {
  if (!any) return "The images are the same.";
  if (!visible) return "The images differ only in shades that are hardly visible.";
  const percent = visible < 0.001 ? "less than 0.1" : (100 * visible).toFixed(1);
  return `Unchanged pixels are white; ${percent} % of the pixels differ.`;
}

/** Return the shares of pixels that differ visibly, and at all, of both images scaled to the first one's width. */
async function measure([first, second]) {
  await Promise.all([first.decode(), second.decode()]);
  const scale = Math.min(1, MAX_EDGE / Math.max(first.naturalWidth, first.naturalHeight));
  const heights = [first, second].map((image) => image.naturalHeight * first.naturalWidth / image.naturalWidth);
  const [width, height] = [first.naturalWidth, Math.max(...heights)].map((size) => Math.max(1, Math.round(size * scale)));
  const [ours, theirs] = [first, second].map((image, at) => pixels(image, width, height, Math.round(heights[at] * scale)));
  let [visible, any] = [0, 0];
  for (let at = 0; at < ours.length; at += 4) {
    let most = 0;
    for (let channel = at; channel < at + 3; channel += 1) most = Math.max(most, Math.abs(ours[channel] - theirs[channel]));
    if (most > TOLERANCE) visible += 1;
    if (most > 0) any += 1;
  }
  return { visible: visible / (ours.length / 4), any };
}

function pixels(image, width, height, drawn) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, drawn);
  return context.getImageData(0, 0, width, height).data;
}
