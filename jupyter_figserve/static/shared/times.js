// Times in the reader's time zone, recent ones relative to now; without this script they are shown in UTC.
import { formatDay, formatMinute } from "./dates.js";

const UNITS = [["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
// The pages are in English.
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
/** Older times are days. */
const RECENT = 30 * 86400;

/** Rewrite every `<time>` below `root` as a relative time, with the absolute time as its title. */
export function localize(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    element.title = formatMinute(moment);
    element.textContent = formatRelative(moment);
  }
}

function formatRelative(moment) {
  const seconds = (moment - Date.now()) / 1000;
  if (seconds > 0) return seconds < 2 * 86400 ? formatMinute(moment) : formatDay(moment);
  if (-seconds > RECENT) return formatDay(moment);
  const [unit, size] = UNITS.find(([, size]) => -seconds >= size) ?? [];
  return unit ? relative.format(Math.trunc(seconds / size), unit) : "just now";
}

setInterval(() => localize(), 60_000);
