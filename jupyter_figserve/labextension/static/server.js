// Requests to the figserve extension of the server; failures become messages that say what to do.

const MISSING = "This server does not run the jupyter_figserve extension, or it is switched off. Install it in the"
  + " server's environment, check it with “jupyter server extension list”, and restart the server.";

export class ServerError extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}

export class Server {
  constructor(connection, settings) {
    this._connection = connection;
    this._settings = settings;
  }

  /** The absolute URL of a path below our prefix. */
  url(path) {
    return new URL(`${this._settings.baseUrl.replace(/\/$/, "")}/figserve/${path}`, document.baseURI).href;
  }

  /** The URL under this page's own origin of a URL in a response, which may be the public one. */
  own(address) {
    // The last one: a server's own base URL may contain the word.
    const [, path] = /^.*\/figserve\/(.*)$/.exec(address) ?? [null, ""];
    return this.url(path);
  }

  /** Send a request; returns the JSON body, or null without one. `body` is an object, a form, or `{type, bytes}`. */
  async ask(method, path, body) {
    const answer = await this._send(method, path, body, "application/json");
    return answer.status === 204 ? null : answer.json();
  }

  /** Return the bytes at a path. */
  async blob(path) {
    return (await this._send("GET", path, undefined, "*/*")).blob();
  }

  async text(path) {
    return (await this._send("GET", path, undefined, "text/html")).text();
  }

  async _send(method, path, body, accept) {
    const headers = { Accept: accept };
    const isForm = body instanceof FormData;
    // The browser adds that of a form, with its boundary.
    if (body !== undefined && !isForm) headers["Content-Type"] = body.bytes ? body.type : "application/json";
    // For "no-store", its default, JupyterLab adds a parameter to the address.
    const init = { method, headers, cache: "no-cache", body: isForm ? body : body?.bytes ?? JSON.stringify(body) };
    let answer;
    try {
      answer = await this._connection.makeRequest(this.url(path), init, this._settings);
    } catch {
      throw new ServerError("The server is not responding. Check that it is running, then try again.", "offline");
    }
    const isSignedOut = answer.redirected && /\/login$/.test(new URL(answer.url).pathname);
    if (answer.ok && !isSignedOut) return answer;
    throw await describe(answer, isSignedOut);
  }
}

async function describe(answer, isSignedOut) {
  const data = isSignedOut ? null : await answer.json().catch(() => null);
  if (isSignedOut || answer.status === 401) {
    return new ServerError("You are no longer signed in. Reload this page to sign in again.", "signed_out");
  }
  // Our errors have a code; without one, something else answered.
  if (answer.status === 404 && !data?.code) return new ServerError(MISSING, "missing");
  if (answer.status === 403 && !data?.error) return new ServerError("You may not share figures on this server. Ask its administrator.", "forbidden");
  return new ServerError(data?.error ?? `The server returned status ${answer.status}. See its log for details.`, data?.code);
}
