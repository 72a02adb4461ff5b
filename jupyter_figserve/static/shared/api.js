// Requests to the JSON interface: the XSRF token, and errors in words that can be shown.

/** Our prefix: modules lie in `<prefix>/static/<digest>/`. */
export const prefix = new URL("../../", import.meta.url);

/** Ask `path` below our prefix; returns the JSON of the answer, or null when it has none. Throws an Error in words. */
export async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-XSRFToken"] = cookie("_xsrf");
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(new URL(path, prefix), {
      method, headers, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error("The server does not answer. Is it still running? Try again when it is.");
  }
  const data = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return data;
  if (answer.status === 401) throw new Error("You are not logged in any more. Load this page again to log in.");
  throw new Error(data?.error ?? `The server answered ${answer.status}. Its log says more.`);
}

/** A page of ours as a document; it runs nothing and loads nothing. */
export async function page(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The server answered ${answer.status}. Load this page again.`);
  if (answer.redirected && /\/login$/.test(new URL(answer.url).pathname)) {
    throw new Error("You are not logged in any more. Load this page again to log in.");
  }
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
