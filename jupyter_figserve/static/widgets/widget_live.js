// The function of a live figure, which is another one when its cell was run again.
const NEW_PARAMETERS = "The function has new parameters; run this cell again for controls that fit them.";

// Call `changed(words)` when the function is another one than `declared` says: the words tell that the controls do not
// fit it any more, and are "" where they do. Returns what ends it.
function followLive(path, declared, changed) {
  let { revision } = declared;
  const look = inTurn(async () => {
    const answer = await fetch(`${path}.json`, { credentials: "same-origin" }).catch(() => null);
    // Without an answer nothing is known; the next event, or the next opening of the stream, looks again.
    if (!answer?.ok) return;
    const found = await answer.json();
    if (found.revision === revision) return;
    revision = found.revision;
    changed(controlled(found.schema) === controlled(declared.schema) ? "" : NEW_PARAMETERS);
  });
  return listen(path, (kind, data) => {
    if (kind === "opened" || path.endsWith(`/live/${data.session}/${data.name}`)) look();
  });
}

// What controls are made for; a default is only where they stand at first.
function controlled(schema) {
  return JSON.stringify(Object.entries(schema.properties).map(([name, { default: _, ...kind }]) => [name, kind]));
}
