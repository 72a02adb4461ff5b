// Days and times as all pages write them, in the reader's time zone.

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** Return the day of an RFC 3339 time or a Date: "29 Nov 2026". */
export function formatDay(time) {
  const moment = new Date(time);
  return `${moment.getDate()} ${MONTHS[moment.getMonth()]} ${moment.getFullYear()}`;
}

/** Return the day and the time: "29 Nov 2026, 14:05". */
export function formatMinute(time) {
  const moment = new Date(time);
  const [hours, minutes] = [moment.getHours(), moment.getMinutes()].map((number) => String(number).padStart(2, "0"));
  return `${formatDay(moment)}, ${hours}:${minutes}`;
}
