// What the menu of a figure does: find the figure on the server, or publish it there, and share, copy, download or open it.
import { copyImage, copyText } from "./clipboard.js";
import { hasImage, makeBlob, makeThumbnail } from "./conversions.js";
import { makeElement } from "./elements.js";
import { showError, showMessage } from "./messages.js";
import { bodyOf, chooseName, digestOf, imageOf } from "./displayed_figure.js";
import { openChangeDialog, openShareDialog } from "./share_dialog.js";

const TYPES = { png: "image/png", svg: "image/svg+xml", pdf: "application/pdf" };
const NOT_KEPT = ["not_captured", "session_not_found", "capture_off", "plot_not_found", "not_found"];
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const VECTORS = {
  python: "To get vector graphics, run figserve.publish(fig) in the notebook.",
  r: 'To get vector graphics, run options(jupyter.plot_mimetypes = c("text/plain", "image/png", "image/svg+xml")) and the cell again.',
};
const AUDIENCES = { me: "Only you", hub: "Everyone with an account on this Hub", people: "The chosen people", link: "Anyone with the link" };

export class FigureActions {
  constructor(server) {
    this._server = server;
    /** The last link of "Copy share link" by figure: pressed again, it copies the same link. */
    this._links = new Map();
    this.last = null;
  }

  async copyLink(target) {
    const made = this._makeLink(target);
    // Shown by the handler below; without a handler of its own, the browser reports the rejection, too.
    made.catch(() => {});
    try {
      const isCopied = await copyText(made.then(({ link }) => link.url));
      const { record, link } = await made;
      this.last = { record, link };
      this._tellLink(record, link, isCopied);
    } catch (error) {
      showError("No link was created.", error);
    }
  }

  async share(target) {
    try {
      const record = await this.find(target);
      await openShareDialog(this._server, record);
    } catch (error) {
      showError("The figure cannot be shared.", error);
    }
  }

  async copyImage(target) {
    try {
      const png = this._png(target);
      png.catch(() => {});
      if (await copyImage(png)) showMessage("Image copied.");
      else showMessage("This browser did not allow copying the image.", { actions: [{ label: "Download as PNG", run: () => this.download(target, "png") }] });
    } catch (error) {
      showError("The image was not copied.", error);
    }
  }

  /** Save the figure: the output's own bytes where they have the format, else the server's, else what the browser makes. */
  async download(target, format) {
    try {
      const { displayed } = target;
      const isPublished = displayed.kind === "published";
      const own = isPublished ? null : imageOf(displayed, TYPES[format]);
      const record = isPublished ? await this.find(target) : null;
      const stem = record ? record.name : chooseName(target.count, target.position, (await digestOf(displayed)) ?? displayed.path ?? "");
      const name = `${stem}.${format}`;
      if (own) save(new Blob([own.bytes], { type: own.type }), name);
      else if (record?.formats.includes(format) && !record.server) save(await this._server.blob(`figures/${record.id}.${format}`), name);
      else await this._saveMade(target, format, name, record);
    } catch (error) {
      showError(`The figure was not downloaded as ${format.toUpperCase()}.`, error);
    }
  }

  async _saveMade(target, format, name, record) {
    const made = await makeBlob(target, format);
    if (made) {
      save(made, name);
      if (format === "pdf") showMessage(`The PDF has the pixels of the displayed image. ${explainVectors(target, record)}`);
    } else if (hasImage(target)) throw new Error(`It was displayed as pixels. ${explainVectors(target, record)}`);
    else {
      const actions = [{ label: "Open figure page", run: () => this.openPage(target) }];
      showMessage(`The figure was not downloaded as ${format.toUpperCase()}: it is a page, not an image. Its own page has it as HTML.`, { actions, isError: true });
    }
  }

  async openPage(target) {
    // Opened at once: after a request, browsers take it for a pop-up.
    const page = window.open("about:blank", "_blank");
    if (page) page.opener = null;
    try {
      const { id, server, url } = await this.find(target);
      // On a Hub, what kernels publish is at the service.
      const address = server ? url : this._server.url(`figures/${id}`);
      if (page) page.location.replace(address);
      else showMessage("The browser blocked the figure's page.", { actions: [{ label: "Open it", run: () => window.open(address, "_blank", "noopener") }] });
    } catch (error) {
      page?.close();
      showError("The figure's page cannot be opened.", error);
    }
  }

  async change({ record, link } = this.last ?? {}) {
    if (!link) {
      showMessage("There is no link to change yet. Create one with “Copy share link”.");
      return;
    }
    try {
      const current = await this._server.ask("GET", `api/links/${link.id}`);
      await openChangeDialog(this._server, record, current, (changed) => {
        this._links.set(record.id, { ...link, ...changed });
        showMessage(`Link changed. ${until(changed)}`);
      });
    } catch (error) {
      showError("The link cannot be changed.", error);
    }
  }

  async revoke({ record, link } = this.last ?? {}) {
    if (!link) {
      showMessage("There is no link to revoke yet. Create one with “Copy share link”.");
      return;
    }
    try {
      await this._server.ask("DELETE", `api/links/${link.id}`);
      this._links.delete(record.id);
      if (this.last?.link.id === link.id) this.last = null;
      showMessage("Link revoked. It no longer opens for anyone.");
    } catch (error) {
      showError("The link was not revoked and still opens.", error);
    }
  }

  /** Return the figure's record: of the published one, of the captured one with the same bytes, else of the output's bytes. */
  async find(target) {
    const { displayed } = target;
    if (!displayed) throw new Error("This output no longer shows a figure.");
    if (displayed.kind === "published") {
      const record = await this._server.ask("GET", `api/figures/${displayed.figure}`).catch(rethrowUnless("not_found"));
      if (record) return record;
    }
    const digest = await digestOf(displayed);
    const kernel = target.kernel && encodeURIComponent(target.kernel);
    const thumbnail = await makeThumbnail(target);
    if (kernel && (digest || displayed.path)) {
      const body = { ...(digest ? { digest } : { path: displayed.path }), ...(thumbnail && { thumbnail }) };
      const record = await this._server.ask("POST", `api/sessions/${kernel}/figures`, body).catch(rethrowUnless(...NOT_KEPT));
      if (record) return record;
    }
    return this._publish(target, displayed, digest ?? "", thumbnail);
  }

  /** Publish the bytes in the notebook. */
  async _publish(target, displayed, digest, thumbnail) {
    const query = new URLSearchParams({ name: chooseName(target.count, target.position, digest) });
    if (target.notebook) query.set("notebook", target.notebook);
    return this._server.ask("POST", `api/figures?${query}`, bodyOf(displayed, thumbnail));
  }

  async _makeLink(target) {
    const record = await this.find(target);
    const known = this._links.get(record.id);
    const current = known && await this._server.ask("GET", `api/links/${known.id}`).catch(() => null);
    if (current && isOpen(current)) return { record, link: { ...known, ...current } };
    const link = await this._server.ask("POST", `api/figures/${record.id}/links`, {});
    this._links.set(record.id, link);
    return { record, link };
  }

  _tellLink(record, link, isCopied) {
    const about = { record, link };
    // A link that opens on this machine only has a note: a sentence that says so, then what to do.
    const isForAnyone = (link.audience ?? "link") === "link";
    const [, reach, ways] = (isForAnyone && /^(.*?\.) (.*)$/s.exec(link.note ?? "")) || [];
    const whole = reach ? `${expiryOf(link)} ${reach}` : until(link);
    showMessage(`${isCopied ? "Link copied." : "Link created; this browser did not allow copying it. Copy it from here."} ${whole}`, {
      address: isCopied ? null : link.url,
      details: ways ? { label: "Reach others…", text: ways } : null,
      actions: [...this._offerTeam(about), { label: "Change…", run: () => this.change(about) }, { label: "Revoke", run: () => this.revoke(about) }],
    });
  }

  /** The team's server, where the link reaches nobody. */
  _offerTeam({ record, link }) {
    const team = link.reach?.team;
    return team ? [{ label: `Share on ${new URL(team).host}`, run: () => this._shareOnTeam(record, team) }] : [];
  }

  async _shareOnTeam(record, team) {
    const made = this._server.ask("POST", `api/figures/${record.id}/links`, { server: team });
    made.catch(() => {});
    try {
      const isCopied = await copyText(made.then((link) => link.url));
      const link = await made;
      showMessage(`${isCopied ? "Link copied." : "Link created. Copy it from here."} It is a link of ${new URL(team).host}. ${until(link)}`, { address: isCopied ? null : link.url });
    } catch (error) {
      showError("The figure was not shared there.", error);
    }
  }

  async _png(target) {
    const own = imageOf(target.displayed, "image/png");
    const png = own ? new Blob([own.bytes], { type: own.type }) : await makeBlob(target, "png");
    if (!png) throw new Error("This figure is not an image. Share its link, or open its page.");
    return png;
  }
}

function isOpen(link) {
  const isUsedUp = link.views !== null && link.seen >= link.views;
  return !link.paused && !isUsedUp && (link.expires === null || new Date(link.expires) > new Date());
}

function until(link) {
  const who = AUDIENCES[link.audience ?? "link"] ?? AUDIENCES.link;
  return link.expires === null ? `${who} can open it, without an expiry.` : `${who} can open it until ${day.format(new Date(link.expires))}.`;
}

function expiryOf(link) {
  return link.expires === null ? "It never expires." : `It expires on ${day.format(new Date(link.expires))}.`;
}

/** Return a handler of rejections that answers null for errors with these codes. */
function rethrowUnless(...codes) {
  return (error) => {
    if (codes.includes(error.code)) return null;
    throw error;
  };
}

/** How to get SVG and PDF of a figure that was displayed as pixels. */
function explainVectors({ language, displayed }, record) {
  if (record?.limitation) return record.limitation;
  if (["script", "html"].includes(displayed.kind)) return "Its own page has it as interactive HTML.";
  if ("image/svg+xml" in displayed.images) return "Its SVG has vector graphics.";
  return VECTORS[language] ?? "To get vector graphics, let the kernel display the figure as SVG.";
}

function save(blob, name) {
  const link = makeElement("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
