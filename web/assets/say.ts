// How numbers and times are written, for all scripts. Sentences come from the page; there are none here.

// now is a clock in milliseconds that never jumps, whatever happens to this machine's time of day.
export const now = (): number => performance.now();

export const number = (n: number): string => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");

export function fill(sentence: string, values: { [name: string]: number }): string {
  return sentence.replace(/\{(\w+)\}/g, (hole, name) => (name in values ? number(values[name]) : hole));
}

// fillCount takes the sentence for one, already written, or that for many.
export function fillCount(one: string, many: string, n: number): string {
  return n === 1 ? one : fill(many, { n: n });
}

// countdown has the same rule as countdown in format.go.
export function countdown(seconds: number, days: string, hours: string, minutes: string): string {
  const s = Math.max(Math.ceil(seconds), 0);
  const d = Math.floor(s / 86400);
  const h = Math.floor(s / 3600) % 24;
  const m = Math.floor(s / 60) % 60;
  if (d > 0) return fill(days, { days: d, hours: h });
  if (h > 0) return fill(hours, { hours: h, minutes: m });
  return fill(minutes, { minutes: m, seconds: s % 60 });
}

// clock writes an instant in a zone that is so many minutes east of Greenwich.
export function clock(ms: number, zoneMinutes: string): string {
  return new Date(ms + +zoneMinutes * 60000).toISOString().slice(11, 19);
}
