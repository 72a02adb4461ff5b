// Replaces images in place without flicker.

/** Show the image of `fresh` in `old` once it is decoded; until then the old image stays. */
export async function swap(old, fresh) {
  const source = fresh.getAttribute("src");
  if (old.getAttribute("src") !== source) {
    const loading = new Image();
    loading.srcset = fresh.srcset;
    loading.src = source;
    await loading.decode().catch(() => {});
    for (const name of ["srcset", "src", "width", "height"]) {
      if (fresh.hasAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
      else old.removeAttribute(name);
    }
  }
  old.alt = fresh.alt;
}
