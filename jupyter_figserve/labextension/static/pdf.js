// A PDF of one page that shows an image. Source: ISO 32000-1, sections 7.5 (file structure) and 8.9 (images).

const POINTS = 72 / 96;
const encoder = new TextEncoder();

/** Return a PDF of an image's pixels; `width` and `height` of its page are in CSS pixels. */
export async function makePdf(canvas, width, height) {
  const [w, h] = [width, height].map((value) => (value * POINTS).toFixed(2));
  const pixels = await deflate(opaquePixels(canvas));
  const content = encoder.encode(`q ${w} 0 0 ${h} 0 0 cm /Im Do Q`);
  const filter = pixels.isDeflated ? "/Filter /FlateDecode " : "";
  const image = `/Type /XObject /Subtype /Image /Width ${canvas.width} /Height ${canvas.height} /ColorSpace /DeviceRGB /BitsPerComponent 8 ${filter}`;
  return new Blob(assemble([
    { dictionary: "/Type /Catalog /Pages 2 0 R" },
    { dictionary: "/Type /Pages /Kids [3 0 R] /Count 1" },
    { dictionary: `/Type /Page /Parent 2 0 R /MediaBox [0 0 ${w} ${h}] /Contents 4 0 R /Resources << /XObject << /Im 5 0 R >> >>` },
    { dictionary: "", stream: content },
    { dictionary: image, stream: pixels.bytes },
  ]), { type: "application/pdf" });
}

/** Return the parts of a file with these objects, which are numbered from 1; the first is the catalog. */
function assemble(objects) {
  const parts = [];
  let size = 0;
  const write = (part) => {
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    parts.push(bytes);
    size += bytes.length;
  };
  write("%PDF-1.4\n");
  const offsets = objects.map(({ dictionary, stream }, index) => {
    const offset = size;
    write(`${index + 1} 0 obj\n<< ${dictionary}${stream ? ` /Length ${stream.length}` : ""} >>\n`);
    if (stream) ["stream\n", stream, "\nendstream\n"].forEach(write);
    write("endobj\n");
    return offset;
  });
  const start = size;
  const entries = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  write(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries}`);
  write(`trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`);
  return parts;
}

/** Return the pixels on white, three bytes each. */
function opaquePixels(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const found = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    const alpha = data[from + 3] / 255;
    for (let part = 0; part < 3; part++) found[to++] = Math.round(data[from + part] * alpha + 255 * (1 - alpha));
  }
  return found;
}

async function deflate(bytes) {
  if (!window.CompressionStream) return { bytes, isDeflated: false };
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return { bytes: new Uint8Array(await new Response(packed).arrayBuffer()), isDeflated: true };
}
