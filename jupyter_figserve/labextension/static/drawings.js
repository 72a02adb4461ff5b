// What a library draws in an output by itself, in SVG elements and canvases, as one image.
import { toDataUrl } from "./clipboard.js";

const SVG = "image/svg+xml";
const PARTS = "svg, canvas";
/** An SVG has no pixels of its own: twice its size is sharp on most screens. */
export const SVG_SCALE = 2;
/** Of the largest one's area: smaller drawings are logos, toolbars and handles. */
const SMALLEST = 0.25;

/** Return the layers of an output's drawing, from the lowest: its large SVG elements and canvases. */
export function findLayers(node) {
  const found = [...allElements(node)].filter((one) => one.matches(PARTS) && !one.closest(".figserve-tools"));
  const outer = found.filter((one) => !found.some((other) => other !== one && other.contains(one)));
  const areas = outer.map((one) => area(one.getBoundingClientRect()));
  const largest = Math.max(0, ...areas);
  return outer.filter((one, index) => areas[index] > 0 && areas[index] >= SMALLEST * largest);
}

/** Return layers that are all SVG as the bytes of one SVG document; null with canvases among them. */
export function toSvg(layers) {
  if (!layers.length || layers.some((one) => one.localName !== "svg")) return null;
  const { width, height, places } = arrange(layers);
  const whole = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  setAttributes(whole, { width, height, viewBox: `0 0 ${width} ${height}` });
  layers.forEach((layer, index) => {
    const copy = layer.cloneNode(true);
    setAttributes(copy, places[index]);
    copy.style.position = "static";
    whole.append(copy);
  });
  return new TextEncoder().encode(new XMLSerializer().serializeToString(whole));
}

/** Return layers as `{canvas, width, height}`, in the pixels of the densest one and with its size in CSS pixels. */
export async function toCanvas(layers) {
  const { width, height, places } = arrange(layers);
  const scale = Math.max(...layers.map((one, index) => (one.localName === "canvas" ? one.width / places[index].width : SVG_SCALE)));
  const whole = document.createElement("canvas");
  whole.width = Math.round(width * scale);
  whole.height = Math.round(height * scale);
  const context = whole.getContext("2d");
  context.scale(scale, scale);
  for (const [index, layer] of layers.entries()) {
    const place = places[index];
    const drawn = layer.localName === "canvas" ? layer : await loadImage({ type: SVG, bytes: toSvg([layer]) });
    context.drawImage(drawn, place.x, place.y, place.width, place.height);
  }
  return { canvas: whole, width, height };
}

/** Return an image that is loaded and can be drawn. */
export async function loadImage({ type, bytes }) {
  const image = document.createElement("img");
  image.src = await toDataUrl(new Blob([bytes], { type }));
  await image.decode();
  return image;
}

/** Yield the elements below a node, also in shadow trees, which Bokeh draws in. */
function* allElements(node) {
  for (const element of node.querySelectorAll("*")) {
    yield element;
    if (element.shadowRoot) yield* allElements(element.shadowRoot);
  }
}

/** Return the size of the box around all layers, and the place of each in it, in CSS pixels. */
function arrange(layers) {
  const boxes = layers.map((one) => one.getBoundingClientRect());
  const [left, top] = [Math.min(...boxes.map((box) => box.left)), Math.min(...boxes.map((box) => box.top))];
  return {
    width: Math.max(...boxes.map((box) => box.right)) - left,
    height: Math.max(...boxes.map((box) => box.bottom)) - top,
    places: boxes.map((box) => ({ x: box.left - left, y: box.top - top, width: box.width, height: box.height })),
  };
}

function setAttributes(element, values) {
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value);
}

function area({ width, height }) {
  return width * height;
}
