// A published figure in a dashboard panel: follows its newest version.
const SUFFIXES = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/svg+xml": "svg", "image/avif": "avif", "image/gif": "gif", "image/apng": "apng" };

// Keep the newest version of the panel's figure in `view`. Returns a function that stops it.
function followFigure(panel, view, line) {
  const { path, figure, has_own_alt: hasOwnAlt } = panel.published;
  let { version } = panel.published;
  const look = serialize(() => update().catch((error) => {
    // The next successful update replaces this message.
    version = null;
    view.say(error.message, true);
  }));
  return listen(path, (kind, data) => {
    if (kind === "opened" || data.figure === figure) look();
  });

  async function update() {
    const answer = await ask(`${path}.json`);
    if (answer.status === 404) {
      version = null;
      view.say("This figure was deleted. The panel keeps its last image.");
      return;
    }
    if (!answer.ok) throw await failureOf(answer);
    const record = await answer.json();
    if (!hasOwnAlt) view.describe(record.alt || record.title || record.name);
    if (record.version === version) return;
    if (record.representations[0].mimetype === "text/html") await showPage();
    else await showImage(record);
    version = record.version;
  }

  // Rendered by the kernel when it is idle, like interactive figures that are not published.
  async function showPage() {
    await view.showPage(await line.ask({ op: "page", place: panel.place }));
    view.say("");
  }

  async function showImage(record) {
    const part = record.representations.find((one) => one.mimetype in SUFFIXES);
    if (!part) throw new Error("This figure has no image to show here. Open its page instead.");
    const answer = await ask(`${path}.${SUFFIXES[part.mimetype]}?version=${record.version}`);
    if (!answer.ok) throw await failureOf(answer);
    const next = await decoded(await answer.blob());
    view.put(next, part.width && part.height ? { width: part.width, height: part.height } : sizeOf(next, 1));
    view.say("");
  }

  async function ask(address) {
    const answer = await request(address);
    if (!answer) throw new Error("The server is not responding. You are seeing the last image.");
    return answer;
  }
}
