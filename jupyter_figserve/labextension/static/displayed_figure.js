// What an output shows: whether it is a figure, and the bytes by which the server knows it.
//
// The rules are those of the server's capture (captured_display.py), so that both find the same figure in an output.
import { sha256 } from "./sha256.js";

const MARKER = "jupyter_figserve";
const PLOTLY = "application/vnd.plotly.v1+json";
const BOKEH = "application/vnd.bokehjs_exec.v0+json";
const VEGA = /^application\/vnd\.(vega|vegalite|vega-lite)\.v\d+(\.json|\+json)$/;
const LOADING = ["application/vnd.bokehjs_load.v0+json", "application/vnd.holoviews_load.v0+json"];
const WIDGET = "application/vnd.jupyter.widget-view+json";
const HOLOVIEWS = "application/vnd.holoviews_exec.v0+json";
/** In order of preference. */
const IMAGES = [
  "image/png", "image/svg+xml", "image/jpeg", "image/webp", "image/gif", "image/apng", "image/avif", "application/pdf",
];
const PARTS = "svg, canvas, img, iframe, video, object, embed";
const MAY_BE_FIGURE = /<(svg|canvas|img|iframe|video|object|embed|script)\b/i;
const encoder = new TextEncoder();

/**
 * Return the figure that an output shows, or null.
 *
 * `kind` is "published" (with the id `figure`), "plot" (with its `path`), "script", "image" or "html"; `images` has the
 * texts of all images of the mimebundle by mimetype, `width` is that at which its first one is displayed,
 * or null, and `root` is the id of what a script of Bokeh draws.
 */
export function findDisplayed(data, metadata = {}) {
  const images = Object.fromEntries(IMAGES.filter((type) => data[type] !== undefined).map((type) => [type, text(data[type])]));
  const marker = metadata[MARKER];
  if (marker !== undefined) {
    if (marker?.figure) return { kind: "published", figure: marker.figure, images, html: text(data["text/html"]) };
    return marker?.plot ? { kind: "plot", path: marker.plot, images, html: text(data["text/html"]) } : null;
  }
  if (LOADING.some((type) => type in data)) return null;
  const html = text(data["text/html"]);
  const type = Object.keys(data).find((one) => one === PLOTLY || VEGA.test(one)) ?? (BOKEH in data ? BOKEH : undefined);
  if (type === BOKEH) return { kind: "script", type, value: text(data["application/javascript"]), images, html, root: metadata[BOKEH]?.id };
  if (type && typeof data[type] === "object") return { kind: "script", type, value: data[type], images, html };
  const [first] = Object.keys(images);
  if (first) return { kind: "image", type: first, value: images[first], images, html, width: widthOf(metadata, first) };
  const isWhole = !(WIDGET in data) && !(HOLOVIEWS in data);
  if (isWhole && html && showsFigure(html)) return { kind: "html", type: "text/html", value: html, images, html };
  return null;
}

/** The width in CSS pixels at which an image is displayed, or null where that is its own. */
function widthOf(metadata, type) {
  const width = metadata[type]?.width ?? metadata.width;
  return width > 0 ? width : null;
}

/** Whether HTML shows an image or runs a script in an element of the page; a table or text is not a figure. */
export function showsFigure(html) {
  if (!MAY_BE_FIGURE.test(html)) return false;
  const page = new DOMParser().parseFromString(html, "text/html");
  if (page.querySelector("table")) return Boolean(page.querySelector("canvas, iframe"));
  const isIcon = (part) => part.localName === "svg"
    && (/icon/.test(part.getAttribute("class") ?? "") || /width:\s*0\b/.test(part.getAttribute("style") ?? ""));
  if ([...page.querySelectorAll(PARTS)].some((part) => !isIcon(part))) return true;
  const runs = [...page.querySelectorAll("script")].some((one) => one.textContent.trim() && one.type !== "application/json");
  return runs && Boolean(page.querySelector("div, span, figure, main, section, p"));
}

/** Return the sha256 of what was displayed, as the server computes it; null for a figure that has an id or a path. */
export async function digestOf(displayed) {
  if (displayed.kind === "published" || displayed.kind === "plot") return null;
  if (displayed.kind === "image") return sha256(decode(displayed.type, displayed.value));
  return sha256(encoder.encode(typeof displayed.value === "string" ? displayed.value : canonicalJson(displayed.value)));
}

/** Return what publishes the output: a form with all its images, or with the page and a thumbnail of it in base64. */
export function bodyOf(displayed, thumbnail) {
  const form = new FormData();
  const types = displayed.kind === "image" ? Object.keys(displayed.images) : [];
  const parts = types.length ? types.map((type) => imageOf(displayed, type)) : [pageOf(displayed)];
  for (const { type, bytes } of parts) form.append("representation", new Blob([bytes], { type }), "file");
  if (thumbnail) form.append("thumbnail", new Blob([fromBase64(thumbnail)], { type: "image/png" }), "file");
  return form;
}

/** The figure of a library as the notebook has it, the image of other HTML, or the HTML. */
function pageOf(displayed) {
  if (displayed.kind === "script" && displayed.value) {
    const text = typeof displayed.value === "string" ? displayed.value : JSON.stringify(displayed.value);
    return { type: displayed.type, bytes: encoder.encode(text) };
  }
  const image = imageOf(displayed);
  if (image) return image;
  const isDocument = /^\s*(<!doctype|<html)/i.test(displayed.html);
  return { type: "text/html", bytes: encoder.encode(isDocument ? displayed.html : `<!doctype html><html><body>${displayed.html}`) };
}

/** Return `{type, bytes}` of the output's image, or null; `type` asks for one format. */
export function imageOf(displayed, type) {
  const found = type ?? Object.keys(displayed.images)[0];
  if (found in displayed.images) return { type: found, bytes: decode(found, displayed.images[found]) };
  const inHtml = displayed.html ? onlyImage(displayed.html) : null;
  return inHtml && (!type || inHtml.type === type) ? inHtml : null;
}

/** The image in a `data:` URL that is the only one of its HTML. */
function onlyImage(html) {
  if (!/<img\b/i.test(html)) return null;
  const { body } = new DOMParser().parseFromString(html, "text/html");
  const images = body.querySelectorAll("img");
  const match = images.length === 1 && /^data:(image\/[\w.+-]+)((?:;[^,;]*)*),(.*)$/s.exec(images[0].src);
  if (!match || !IMAGES.includes(match[1])) return null;
  const isBase64 = /;base64/i.test(match[2]);
  return { type: match[1], bytes: isBase64 ? fromBase64(match[3]) : encoder.encode(decodeURIComponent(match[3])) };
}

/**
 * Return the name of a figure that is published from the notebook file, in the form of captured ones: after the number
 * of its cell and its place among the cell's figures, with the beginning of its digest.
 */
export function chooseName(count, position, digest) {
  const stem = Number.isInteger(count) ? `cell-${count}` : "plot";
  return `${stem}${position > 1 ? `-${position}` : ""}-${digest.slice(0, 8)}`;
}

/** Return JSON of which equal values have equal texts. Source: RFC 8785 (JSON Canonicalization Scheme). */
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`).join(",")}}`;
}

function decode(type, value) {
  return type === "image/svg+xml" ? encoder.encode(value) : fromBase64(value);
}

function fromBase64(value) {
  return Uint8Array.from(atob(value.replace(/\s+/g, "")), (character) => character.charCodeAt(0));
}

/** Notebooks may have texts as lists of lines. */
function text(value) {
  return Array.isArray(value) ? value.join("") : typeof value === "string" ? value : "";
}
