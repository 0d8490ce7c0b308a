// What the chart of a journey is made of: the document as the server gives it (docs/supply.md), the stretches that the cursor goes through, and how
// times and temperatures are written. Sentences come from the page.

export interface Rule { stage: string; store: [number, number]; bands: { name: string; side: string; upto: number | null }[] }
export interface Leg {
  n: number; begin: number; end: number; goes: boolean; where: string; stage: string; rule: number; text: string;
  t: number[]; lo: (number | null)[]; hi: (number | null)[]; kind: number[];
}
export interface Out { begin: number; end: number; cold: boolean; most: number; text: string }
export interface Mark { at: number; kind: string; text: string }
export interface Journey {
  begin: number; end: number; from: number; until: number; thinned: boolean;
  rules: Rule[]; legs: Leg[]; gaps: [number, number][]; out: Out[]; marks: Mark[];
}

// The kinds of a part, as in supplyjourney.go.
export const SUM = 1;
export const UNKNOWN = 2;

// Item is one thing that the cursor can stand on: a part of a leg, or a time for which nobody told where the box was (leg -1).
export interface Item { begin: number; end: number; leg: number; kind: number; lo: number | null; hi: number | null }

export function items(d: Journey): Item[] {
  const out: Item[] = [];
  d.legs.forEach((l, leg) => {
    for (let i = 0; i + 1 < l.t.length; i++) {
      out.push({ begin: l.t[i], end: l.t[i + 1], leg: leg, kind: l.kind[i], lo: l.lo[i], hi: l.hi[i] });
    }
  });
  d.gaps.forEach((g) => out.push({ begin: g[0], end: g[1], leg: -1, kind: UNKNOWN, lo: null, hi: null }));
  return out.sort((a, b) => a.begin - b.begin || a.end - b.end);
}

// itemAt finds the item that an instant lies in; in between two, the one that ended last.
export function itemAt(list: Item[], t: number): number {
  let lo = 0;
  let hi = list.length - 1;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if (list[mid].begin <= t) lo = mid;
    else hi = mid - 1;
  }
  return lo;
}

const two = (n: number): string => (n < 10 ? "0" : "") + n;

// zoned is a date whose UTC fields are the time of day in a zone so many minutes east of Greenwich.
export const zoned = (t: number, zoneMinutes: number): Date => new Date(Math.round(t * 1000) + zoneMinutes * 60000);
export const dayOf = (d: Date): string => two(d.getUTCMonth() + 1) + "-" + two(d.getUTCDate());
export const timeOf = (d: Date): string => two(d.getUTCHours()) + ":" + two(d.getUTCMinutes());

// moment has the same form as moment in supplywords.go.
export function moment(t: number, zoneMinutes: number): string {
  const d = zoned(t, zoneMinutes);
  return d.getUTCFullYear() + "-" + dayOf(d) + " " + timeOf(d);
}

export const minus = (s: string): string => s.replace("-", "\u2212");

// celsius has the same rule as celsius in supplywords.go: a tenth, and more digits where a tenth would hide on which side of a limit it is.
export function celsius(c: number): string {
  let s = c.toFixed(1);
  const tenth = Math.round(c * 10) / 10;
  if (Math.abs(c) < 100 && Math.abs(tenth - c) > 1e-9 && Math.abs(c - Math.round(c)) < 0.1) s = c.toFixed(6).replace(/0+$/, "");
  return minus(s) + "\u00a0°C";
}

// fillText puts values into a sentence.
export function fillText(sentence: string, values: { [name: string]: string | number }): string {
  return sentence.replace(/\{(\w+)\}/g, (hole, name) => (name in values ? String(values[name]) : hole));
}

function bandOf(r: Rule, c: number): { name: string; side: string } {
  for (const b of r.bands) if (b.upto === null || c <= b.upto) return b;
  return r.bands[r.bands.length - 1];
}

// say gives what the readout says of the nth item: when and how warm; then where, in which band, and what was noticed or decided then.
export function say(d: Journey, list: Item[], n: number, words: { [key: string]: string }): [string, string] {
  const x = list[n];
  const zone = +words.zone;
  const when = moment(x.begin, zone);
  // What a reading tells stands until the next.
  let end = moment(x.end, zone);
  if (end === when) end = "";
  else if (end.slice(0, 10) === when.slice(0, 10)) end = end.slice(11);
  const rest: string[] = [];
  let what = words.none;
  if (x.leg < 0) what = words.gap;
  else if (x.kind === UNKNOWN) what = words.unknown;
  else if (x.lo !== null && x.hi !== null) {
    what = x.lo === x.hi ? celsius(x.lo) : fillText(x.kind === SUM ? words.sum : words.range, { lo: celsius(x.lo), hi: celsius(x.hi) });
  }
  const l = d.legs[x.leg];
  if (l) {
    rest.push(fillText(words.leg, { n: l.n, where: l.where }));
    const r = d.rules[l.rule];
    if (r && x.lo !== null && x.hi !== null) {
      const a = bandOf(r, x.lo);
      const b = bandOf(r, x.hi);
      if (a.side === "cold") what += ", " + words.cold;
      if (b.side === "warm") what += ", " + words.warm;
      rest.push(fillText(words.band, { stage: l.stage, band: a === b ? a.name : a.name + ", " + b.name }));
    }
  }
  d.marks.forEach((m) => {
    if (itemAt(list, m.at) === n) rest.push(m.text);
  });
  return [when + (end && " \u2013 " + end) + " \u00b7 " + what, rest.join(" \u00b7 ")];
}
