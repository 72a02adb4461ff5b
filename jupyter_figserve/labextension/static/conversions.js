// A displayed figure in another format, made by the browser from what the output shows.
import { canvasToPng } from "./clipboard.js";
import { findLayers, loadImage, SVG_SCALE, toCanvas, toSvg } from "./drawings.js";
import { imageOf } from "./displayed_figure.js";
import { makePdf } from "./pdf.js";

const PDF = "application/pdf";
/** In pixels, as those that kernels send. */
const THUMBNAIL_WIDTH = 320;
const THUMBNAIL_HEIGHT = 480;
/** In characters: with it, the request is as small as the server asks. */
const THUMBNAIL_LENGTH = 48_000;
const MAKERS = { png: makePng, svg: makeSvg, pdf: makePagePdf };

/** Whether the output has an image, or a drawing that can become one. */
export function hasImage(target) {
  return findImage(target) !== null || findLayers(target.node).length > 0;
}

/** Return the figure as a blob of a format; null where the browser cannot make that. */
export function makeBlob(target, format) {
  return MAKERS[format](target);
}

/** Return a small PNG of what a library has drawn, in base64, for lists of figures; null for an image. */
export async function makeThumbnail(target) {
  if (target.displayed.kind === "image") return null;
  try {
    const drawn = await draw(target);
    const canvas = document.createElement("canvas");
    const scale = Math.min(THUMBNAIL_WIDTH / drawn.width, THUMBNAIL_HEIGHT / drawn.height);
    [canvas.width, canvas.height] = [drawn.width, drawn.height].map((side) => Math.max(1, Math.round(side * scale)));
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(drawn.canvas, 0, 0, canvas.width, canvas.height);
    const [, text] = canvas.toDataURL("image/png").split(",");
    return text.length > THUMBNAIL_LENGTH ? null : text;
  } catch {
    // Nothing is drawn, or the browser does not let its pixels be read.
    return null;
  }
}

async function makePng(target) {
  const drawn = await draw(target);
  return drawn && canvasToPng(drawn.canvas);
}

/** SVG is never made of pixels, but some libraries draw SVG and add a PNG to the output. */
async function makeSvg(target) {
  const bytes = toSvg(findLayers(target.node));
  return bytes && new Blob([bytes], { type: "image/svg+xml" });
}

async function makePagePdf(target) {
  const drawn = await draw(target);
  return drawn && makePdf(drawn.canvas, drawn.width, drawn.height);
}

/** Return `{canvas, width, height}` with the size in CSS pixels, or null. */
async function draw(target) {
  const image = findImage(target);
  if (!image) {
    const layers = findLayers(target.node);
    return layers.length ? toCanvas(layers) : null;
  }
  const loaded = await loadImage(image);
  const [width, height] = [loaded.naturalWidth || 640, loaded.naturalHeight || 480];
  const scale = image.type === "image/svg+xml" ? SVG_SCALE : 1;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * scale, height * scale];
  canvas.getContext("2d").drawImage(loaded, 0, 0, canvas.width, canvas.height);
  // Images for dense screens are displayed smaller than their pixels.
  const shown = (target.displayed.width ?? width) / width;
  return { canvas, width: width * shown, height: height * shown };
}

function findImage({ displayed }) {
  const image = imageOf(displayed);
  return image && image.type !== PDF ? image : null;
}
