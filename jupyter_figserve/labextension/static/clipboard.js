// The clipboard, for texts and images that are still on their way, and on plain http, where browsers have no API for it.

/** Copy the text of a promise, within the handling of a click or key. Returns whether it was copied. */
export async function copyText(text) {
  try {
    if (window.ClipboardItem && navigator.clipboard?.write) {
      // Safari allows it only while the click is handled, with a promise of the text.
      const blob = text.then((value) => new Blob([value], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } else {
      await navigator.clipboard.writeText(await text);
    }
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = await text;
    return copySelected(field, () => field.select());
  }
}

/** Copy the PNG of a promise. Returns whether it was copied. */
export async function copyImage(png) {
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
    return true;
  } catch {
    const image = document.createElement("img");
    image.src = await toDataUrl(await png);
    await image.decode();
    const box = document.createElement("div");
    box.contentEditable = "true";
    box.append(image);
    return copySelected(box, () => getSelection().selectAllChildren(box));
  }
}

/** Copy an element by the older command, which works on plain http, too. */
function copySelected(element, select) {
  const before = document.activeElement;
  Object.assign(element.style, { position: "fixed", left: "0", top: "0", opacity: "0" });
  document.body.append(element);
  element.focus({ preventScroll: true });
  select();
  let isCopied = false;
  try {
    isCopied = document.execCommand("copy");
  } catch {
    // A browser that no longer knows the command.
  }
  element.remove();
  before?.focus?.({ preventScroll: true });
  return isCopied;
}

export function canvasToPng(canvas) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The image cannot be read."))), "image/png");
  });
}

export function toDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
