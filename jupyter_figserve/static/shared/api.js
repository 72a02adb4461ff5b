// Requests to the JSON API: adds the XSRF token and turns failures into messages that can be shown.

/** The URL prefix of figserve; modules are served from `<prefix>/static/<digest>/`, the digest being optional. */
export const prefix = new URL(import.meta.url.replace(/static\/([0-9a-f]{16}\/)?[a-z_]+\.js$/, ""));

/** Request `path` below the prefix. Returns the JSON body, or null without one; throws an Error with a readable message and its code. */
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
    throw new Error("The server is not responding. Check that it is running, then try again.");
  }
  const data = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (answer.ok) return data;
  if (answer.status === 401) throw new Error("You are no longer signed in. Reload this page to sign in again.");
  const error = new Error(data?.error ?? `The server returned status ${answer.status}. See its log for details.`);
  throw Object.assign(error, { code: data?.code ?? "" });
}

/** Fetch one of our pages as an inert document: it runs no script and loads nothing. */
export async function fetchPage(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The server returned status ${answer.status}. Reload this page.`);
  if (answer.redirected && /\/login$/.test(new URL(answer.url).pathname)) {
    throw new Error("You are no longer signed in. Reload this page to sign in again.");
  }
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
