// The pages of administrators: pause and revoke links of others, quotas, transfers.
import { ask, fetchPage, prefix } from "./api.js";
import { exchange } from "./focus.js";
import { workLinks } from "./link_rows.js";
import { enter } from "./scripted.js";
import { announce, toast } from "./toast.js";
import { inTurn } from "./turns.js";

const main = document.getElementById("main");
const { owner } = main.dataset;
const update = inTurn(load);
const confirmation = document.getElementById("confirm");

workLinks(main, update);
document.getElementById("set-quota")?.addEventListener("submit", setQuota);
document.getElementById("transfer-form")?.addEventListener("submit", askToTransfer);
confirmation?.querySelector("[data-cancel]").addEventListener("click", () => confirmation.close());
confirmation?.querySelector("[data-confirm]").addEventListener("click", transfer);

main.querySelector("[data-same-person]")?.addEventListener("click", confirmPerson);

async function confirmPerson() {
  try {
    await ask("PATCH", `api/admin/owners/${encodeURIComponent(owner)}`, { same_person: true });
    location.reload();
  } catch (error) {
    toast(error.message, { isError: true });
  }
}

/** Refresh the lists and numbers from the server. */
async function load() {
  try {
    const fresh = await fetchPage(location.href);
    enter(fresh);
    for (const part of main.querySelectorAll("[data-live]")) {
      const same = fresh.querySelector(`[data-live=${part.dataset.live}]`);
      if (same) exchange(part, same);
      else part.remove();
    }
  } catch (error) {
    toast(error.message, { isError: true });
  }
}

async function setQuota(event) {
  event.preventDefault();
  const form = event.target;
  try {
    const figures = number(form.elements.figures, 1);
    const bytes = number(form.elements.megabytes, 1_000_000);
    const quota = figures === null && bytes === null ? null : { figures, bytes };
    await ask("PATCH", `api/admin/owners/${encodeURIComponent(owner)}`, { quota });
    fail(form, "");
    toast(quota ? `The quota of ${owner} is set.` : `${owner} has the quota of all owners.`);
    await update();
  } catch (error) {
    fail(form, error.message);
  }
}

/** Return a field's number times `unit` as a whole number; null when it is empty. */
function number(field, unit) {
  const text = field.value.replace(/[\s,_]/g, "");
  if (!text) return null;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0 && Number.isSafeInteger(Math.round(value * unit))) return Math.round(value * unit);
  field.focus();
  throw new Error(`“${field.value}” is not a number. Leave the field empty for the quota of all owners.`);
}

function askToTransfer(event) {
  event.preventDefault();
  const form = event.target;
  const to = form.elements.to.value.trim();
  const problem = !to ? "Name the new owner." : to === owner ? "That is the owner already." : "";
  fail(form, problem);
  if (problem) return form.elements.to.focus();
  const keys = form.elements.renamed.checked
    ? `The keys of ${owner} go on as those of ${to}.`
    : `The keys of ${owner} stop working; running kernels go on.`;
  document.getElementById("confirm-text").textContent =
    `All figures, dashboards and links of ${owner} will belong to ${to}; the links keep their addresses. ${keys}`;
  fail(confirmation, "");
  confirmation.showModal();
}

async function transfer() {
  const form = document.getElementById("transfer-form");
  const button = confirmation.querySelector("[data-confirm]");
  const to = form.elements.to.value.trim();
  button.disabled = true;
  try {
    const { kept } = await ask("POST", "api/admin/transfer", { from: owner, to, renamed: form.elements.renamed.checked });
    confirmation.close();
    if (kept.length) {
      await update();
      toast(`${to} has the same names already: ${kept.length} stayed with ${owner}. Rename or delete them, then transfer again.`);
    } else {
      location.assign(new URL(`admin?owner=${encodeURIComponent(to)}`, prefix));
    }
  } catch (error) {
    fail(confirmation, error.message);
  } finally {
    button.disabled = false;
  }
}

function fail(form, message) {
  const place = form.querySelector(".error");
  place.textContent = message;
  place.hidden = !message;
  if (!message) announce("");
}

enter(document);
