// Shows JSON: rows of flat objects as a table, anything else as indented text. Widgets prepend this text to their own.
const MAX_ROWS = 500;
const MAX_TEXT = 200_000;

export function dataElement(text) {
  const box = document.createElement("div");
  box.className = "data";
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = text;
  }
  box.append(isTable(value) ? tableOf(value) : textOf(value));
  if (Array.isArray(value) && value.length > MAX_ROWS) box.append(noteOf(`The first ${MAX_ROWS} of ${value.length} rows.`));
  return box;
}

function isTable(value) {
  const isRow = (row) => row && typeof row === "object" && !Array.isArray(row);
  return Array.isArray(value) && value.length > 0 && value.every(isRow);
}

function tableOf(rows) {
  const shown = rows.slice(0, MAX_ROWS);
  const names = [...new Set(shown.flatMap(Object.keys))];
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of names) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of shown) {
    const line = body.insertRow();
    for (const name of names) {
      const cell = line.insertCell();
      const value = row[name];
      cell.textContent = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
      if (typeof value === "number") cell.className = "number";
    }
  }
  return table;
}

function textOf(value) {
  const code = document.createElement("pre");
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  code.textContent = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)} …` : text;
  return code;
}

function noteOf(text) {
  const note = document.createElement("p");
  note.className = "meta";
  note.textContent = text;
  return note;
}
