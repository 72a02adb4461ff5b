// Inserting a figure from the panel into a Markdown cell, where it becomes an image: by dragging, or by the keyboard.
import { copyText } from "./clipboard.js";
import { showMessage } from "./messages.js";
import { findCell } from "./targets.js";

const TYPE = "application/x-figserve-figure";
const CELL = ".jp-MarkdownCell";

/** Begin to drag a figure: as Markdown, with its whole address for text editors elsewhere. */
export function startDrag(event, record, server) {
  event.dataTransfer.clearData();
  event.dataTransfer.setData(TYPE, toMarkdown(record, (url) => pathOf(server, url)));
  event.dataTransfer.setData("text/plain", toMarkdown(record));
  event.dataTransfer.effectAllowed = "copy";
}

/** The path of an address on this server: in a notebook, it stays valid when the server's host or port changes. */
function pathOf(server, url) {
  return new URL(server.own(url)).pathname;
}

/** Return Markdown that shows a figure; `place` turns its address into the one to write. A Hub's service has its own pages. */
function toMarkdown(record, place = (url) => url) {
  const image = record.representations.find((part) => part.mimetype.startsWith("image/")) ?? null;
  const alt = escapeMarkdown(record.alt || record.title || record.name);
  return image ? `![${alt}](${place(image.url.split("?")[0])})` : `[${alt}](${record.server ? record.url : place(record.url)})`;
}

/** Source: CommonMark 0.31, section 2.4. */
function escapeMarkdown(text) {
  return text.replace(/([\\`*_{}[\]()<>#!|~$&])/g, "\\$1");
}

let isEnabled = false;

/** Let Markdown cells take figures: at the pointer in the editor, at the end of a rendered cell. */
export function enableDrops(app) {
  if (isEnabled) return;
  isEnabled = true;
  const isOurs = (event) => event.dataTransfer?.types.includes(TYPE) && event.target.closest?.(CELL);
  document.addEventListener("dragover", (event) => {
    if (!isOurs(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  }, true);
  document.addEventListener("drop", (event) => {
    const cell = isOurs(event) && findCell(app, event.target.closest(CELL));
    if (!cell) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    insert(cell, event, event.dataTransfer.getData(TYPE));
  }, true);
}

/** Insert a figure into the selected Markdown cell, else into a new one below the selected cell, or into an open Markdown file. */
export async function insertFigure(app, notebooks, record, server) {
  const text = toMarkdown(record, (url) => pathOf(server, url));
  const { editor } = app.shell.currentWidget?.content ?? {};
  if (editor && /gfm|markdown/.test(editor.model?.mimeType)) {
    editor.replaceSelection(text);
    showMessage("Figure inserted into the file.");
    return;
  }
  if (!notebooks?.activeCell) {
    const isCopied = await copyText(Promise.resolve(toMarkdown(record)));
    showMessage(isCopied ? "No notebook is open. The figure's Markdown was copied." : "No notebook is open to insert the figure into.");
    return;
  }
  if (notebooks.activeCell.model.type !== "markdown") {
    await app.commands.execute("notebook:insert-cell-below");
    await app.commands.execute("notebook:change-cell-to-markdown");
  }
  const cell = notebooks.activeCell;
  append(cell, text);
  cell.rendered = true;
  showMessage("Figure inserted into the notebook.");
}

function insert(cell, event, text) {
  const { editor, rendered, model: { sharedModel } } = cell;
  if (rendered || !editor) {
    append(cell, text);
    return;
  }
  const [left, top] = [event.clientX, event.clientY];
  const position = editor.getPositionForCoordinate({ left, top, right: left, bottom: top, width: 0, height: 0, x: left, y: top });
  const offset = position ? editor.getOffsetAt(position) : sharedModel.getSource().length;
  sharedModel.updateSource(offset, offset, text);
  editor.focus();
  editor.setCursorPosition(editor.getPositionAt(offset + text.length));
}

/** Add a paragraph to the end of a cell. */
function append({ model: { sharedModel } }, text) {
  const source = sharedModel.getSource();
  sharedModel.setSource(source.trim() ? `${source.trimEnd()}\n\n${text}` : text);
}
