// Times in the reader's language and time zone; without this script they are shown in UTC.

const UNITS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const today = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Rewrite every `<time>` below `root` as a relative time, with the absolute time as its title. */
export function localize(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    element.title = absolute.format(moment);
    element.textContent = formatRelative(moment);
  }
}

function formatRelative(moment) {
  const seconds = (moment - Date.now()) / 1000;
  if (seconds > 0) return (seconds < 2 * 86400 ? today : day).format(moment);
  const [unit, size] = UNITS.find(([, size]) => -seconds >= size) ?? [];
  return unit ? relative.format(Math.trunc(seconds / size), unit) : "just now";
}

setInterval(() => localize(), 60_000);
