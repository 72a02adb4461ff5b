// Days in the reader's language and time zone.

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** Return the day of an RFC 3339 time. */
export function formatDay(text) {
  return day.format(new Date(text));
}
