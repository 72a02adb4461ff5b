// Deletion of a figure, and its undoing.
import { ask } from "./api.js";
import { toast } from "./toast.js";

/**
 * Delete a figure and offer to undo it. `gone` takes it from the page at once and returns how to put it back;
 * `back` is called when the server has it again.
 */
export async function remove(id, name, gone, back) {
  const putBack = gone();
  try {
    await ask("DELETE", `api/figures/${id}`);
  } catch (error) {
    putBack();
    toast(`“${name}” was not deleted. ${error.message}`, { fault: true });
    return;
  }
  toast(`Deleted “${name}”. Its links no longer open.`, { action: { label: "Undo", run: () => undo(id, name, back) } });
}

async function undo(id, name, back) {
  try {
    await ask("POST", `api/figures/${id}/restore`);
  } catch (error) {
    toast(`“${name}” is still deleted. ${error.message}`, {
      fault: true, action: { label: "Try again", run: () => undo(id, name, back) },
    });
    return;
  }
  toast(`“${name}” is back, and its links open again.`);
  await back();
}
