// Follows the function of a live figure, which is replaced when its cell runs again.
const NEW_PARAMETERS = "The function's parameters have changed. Run this cell again to update the controls.";

// Call `changed(message)` when the function differs from `declared`: the message says that the controls no longer match,
// and is "" where they do. Returns a function that stops it.
function followLive(path, declared, changed) {
  let { revision } = declared;
  const look = inTurn(async () => {
    const answer = await fetch(`${path}.json`, { credentials: "same-origin" }).catch(() => null);
    // Without a response nothing is known; retried on the next event or reconnection.
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

// The part of the schema that determines the controls; a default is only their initial value.
function controlled(schema) {
  return JSON.stringify(Object.entries(schema.properties).map(([name, { default: _, ...kind }]) => [name, kind]));
}
