// The chart of a box's journey. It takes the place of the server's drawing when the journey's numbers have come; when anything fails, the drawing stays.
// The tables on the page say all of it in words.

/*! uPlot 1.6.32, Copyright (c) 2025 Leon Sorokin, MIT licence: assets/uplot/LICENSE in the source of Charye. */
import uPlot from "./uplot/uPlot.esm.js";
import { dayOf, Item, itemAt, items, Journey, minus, say, timeOf, zoned } from "./journeydata";
import { back, colour, front } from "./journeydraw";

const root = document.getElementById("journey") as HTMLElement;
const plot = document.getElementById("plot") as HTMLElement;
const readout = document.getElementById("readout") as HTMLElement;
const words = root.dataset as { [key: string]: string };
const zone = +words.zone;
const least = 120; // seconds: nothing is enlarged further

let whole: Journey; // all of it, as coarse as it has to be
let shown: Journey; // what is drawn
let list: Item[] = [];
let at = 0; // the item on which the cursor stands
let u: any;
let wait = 0; // for a finer part of the journey

// get asks for the numbers; a server that is busy, or a network that is away for a moment, is asked again.
function get(query: string, tries = 3): Promise<Journey> {
  const again = (seconds: number, why: unknown): Promise<Journey> =>
    tries > 1 ? new Promise((go) => setTimeout(go, 1000 * seconds)).then(() => get(query, tries - 1)) : Promise.reject(why);
  return fetch(words.at + query, { headers: { Accept: "application/json" } }).then(
    (r) => {
      if (r.ok) return r.json();
      if (r.status === 429 || r.status === 503) return again(Math.min(+(r.headers.get("Retry-After") || 2), 30), r.status);
      throw r.status;
    },
    (why) => again(2, why),
  );
}

const height = (): number => Math.round(Math.min(430, Math.max(300, plot.clientWidth * 0.42)));
const range = (): [number, number] => [u.scales.x.min, u.scales.x.max];

// degrees is how far the scale has to reach for what is shown: the bands of the legs in sight, and all that was told in them.
function degrees(from: number, to: number): [number, number] {
  let lo = Infinity;
  let hi = -Infinity;
  shown.legs.forEach((l) => {
    if (l.end < from || l.begin > to) return;
    const r = shown.rules[l.rule];
    if (r) {
      lo = Math.min(lo, r.store[0] - 2);
      hi = Math.max(hi, r.store[1] + 2);
    }
    for (let i = 0; i + 1 < l.t.length; i++) {
      const c = l.lo[i];
      const d = l.hi[i];
      if (c === null || d === null || l.t[i + 1] < from || l.t[i] > to) continue;
      lo = Math.min(lo, c - 1);
      hi = Math.max(hi, d + 1);
    }
  });
  return lo < hi ? [lo, hi] : [0, 10];
}

// look shows the time from one instant until another, and asks for more of it where something was left out.
function look(from: number, to: number): void {
  const pad = (whole.end - whole.begin) * 0.01;
  const long = Math.min(Math.max(to - from, least), whole.end - whole.begin + 2 * pad);
  from = Math.min(Math.max((from + to - long) / 2, whole.begin - pad), whole.end + pad - long);
  // Whole seconds: uPlot rounds its ticks from there.
  to = Math.ceil(from + long);
  from = Math.floor(from);
  u.batch(() => {
    u.setScale("x", { min: from, max: to });
    u.setScale("y", ((d) => ({ min: d[0], max: d[1] }))(degrees(from, to)));
  });
  clearTimeout(wait);
  if (whole.thinned) wait = window.setTimeout(finer, 200);
}

function finer(): void {
  const [from, to] = range();
  if (to - from > (whole.end - whole.begin) * 0.9) {
    show(whole);
    return;
  }
  if (shown !== whole && !shown.thinned && shown.from <= from && shown.until >= to) return;
  const long = to - from;
  get("?from=" + Math.max(0, Math.floor(from - long / 2)) + "&until=" + Math.ceil(to + long / 2)).then(
    (d) => {
      const now = range();
      if (now[0] === from && now[1] === to) show(d);
    },
    () => undefined, // what is there stays
  );
}

// show draws a document, with the cursor where it was.
function show(d: Journey): void {
  const was = list[at];
  shown = d;
  list = items(d);
  // Where what the cursor stood on comes apart, it goes to what was out of range of it, or to where that began.
  const o = d.out.filter((x) => x.begin >= was.begin && x.begin < was.end)[0];
  at = itemAt(list, o ? o.begin : was.begin);
  u.setData([list.map((x) => x.begin), list.map((x) => x.lo)], false);
  const [from, to] = range();
  u.setScale("y", ((y) => ({ min: y[0], max: y[1] }))(degrees(from, to)));
  u.redraw(false);
  point();
}

// point puts cursor and readout on the item.
function point(): void {
  const x = list[at];
  if (!x) return;
  const [from, to] = range();
  const t = Math.min(Math.max(x.begin, from), to);
  dot.hidden = x.lo === null || x.begin < from || x.begin > to;
  const left = u.valToPos(t, "x");
  const r = shown.legs[x.leg] && shown.rules[shown.legs[x.leg].rule];
  // Of a least and a most, the one that is out of range.
  if (x.lo !== null && x.hi !== null) dot.style.transform = "translate(" + left + "px," + u.valToPos(r && x.lo < r.store[0] ? x.lo : r && x.hi > r.store[1] ? x.hi : (x.lo + x.hi) / 2, "y") + "px)";
  line.style.transform = "translate(" + left + "px,0)";
  const [what, rest] = say(shown, list, at, words);
  const said = readout.children;
  if (said[0].textContent !== what || said[1].textContent !== rest) {
    said[0].textContent = what;
    said[1].textContent = rest;
  }
}

// go moves the cursor by keyboard or button, and the chart with it: what it then says is read out.
function go(n: number): void {
  at = Math.min(Math.max(n, 0), list.length - 1);
  readout.setAttribute("aria-live", "polite");
  const [from, to] = range();
  const t = list[at].begin;
  if (t < from || t > to) look(t - (to - from) / 2, t + (to - from) / 2);
  point();
}

function zoom(by: number): void {
  const [from, to] = range();
  const t = Math.min(Math.max(list[at].begin, from), to);
  look(t - (t - from) * by, t + (to - t) * by);
  point();
}

function pan(by: number): void {
  const [from, to] = range();
  look(from + (to - from) * by, to + (to - from) * by);
  hover((from + to) / 2 + (to - from) * by, "polite");
}

function toLeg(leg: number): void {
  const l = shown.legs[leg];
  if (!l) return;
  const pad = Math.max((l.end - l.begin) * 0.03, 1);
  look(l.begin - pad, l.end + pad);
  for (let i = 0; i < list.length; i++) {
    if (list[i].leg === leg) {
      go(i);
      return;
    }
  }
  go(itemAt(list, l.begin));
}

// legBeside is the next leg with anything in it, in a direction from where the cursor is.
function legBeside(step: number): void {
  for (let i = at; i >= 0 && i < list.length; i += step) {
    if (list[i].leg !== list[at].leg) {
      // Backwards, to where that leg begins.
      while (step < 0 && i > 0 && list[i - 1].leg === list[i].leg) i--;
      go(i);
      return;
    }
  }
}

function nextOut(): void {
  const t = list[at].begin;
  const o = shown.out.filter((x) => x.begin > t)[0] || shown.out[0];
  if (o) go(itemAt(list, o.begin));
}

// hover puts the cursor where a pointer is; it is not read out.
function hover(t: number, live: string): void {
  at = itemAt(list, t);
  readout.setAttribute("aria-live", live);
  point();
}

const acts: { [name: string]: () => void } = {
  whole: () => look(whole.begin, whole.end), leg: () => toLeg(list[at].leg), in: () => zoom(0.5), out: () => zoom(2),
  earlier: () => pan(-0.5), later: () => pan(0.5), next: nextOut,
};
const keys: { [key: string]: () => void } = {
  ArrowLeft: () => go(at - 1), ArrowRight: () => go(at + 1), PageUp: () => legBeside(-1), PageDown: () => legBeside(1),
  Home: () => go(0), End: () => go(list.length - 1), "+": acts.in, "=": acts.in, "-": acts.out, "0": acts.whole,
};

plot.addEventListener("keydown", (e) => {
  const f = keys[e.key];
  if (!f || e.ctrlKey || e.altKey || e.metaKey) return;
  e.preventDefault();
  f();
});
plot.addEventListener("focus", () => point());

root.addEventListener("click", (e) => {
  const name = (e.target as HTMLElement).getAttribute("data-do");
  if (!name) return;
  acts[name]();
  point();
});

// touch: one finger reads, two enlarge; up and down the page still scrolls.
function touch(over: HTMLElement): void {
  const fingers: { [id: number]: number } = {};
  const time = (px: number): number => u.posToVal(px - over.getBoundingClientRect().left, "x");
  const ends = (): number[] => Object.keys(fingers).map((id) => fingers[+id]).sort((a, b) => a - b);
  over.addEventListener("pointerdown", (e) => {
    if (e.pointerType === "mouse") return;
    fingers[e.pointerId] = e.clientX;
    if (ends().length === 1) hover(time(e.clientX), "off");
  });
  over.addEventListener("pointermove", (e) => {
    if (e.pointerType === "mouse") {
      if (!e.buttons) hover(time(e.clientX), "off");
      return;
    }
    if (!(e.pointerId in fingers)) return;
    const before = ends();
    const held = before.map(time);
    fingers[e.pointerId] = e.clientX;
    const after = ends();
    if (after.length === 1) hover(time(e.clientX), "off");
    if (after.length !== 2 || after[1] - after[0] < 10) return;
    // What was under the two fingers stays under them.
    const box = over.getBoundingClientRect();
    const per = (held[1] - held[0]) / (after[1] - after[0]);
    const from = held[0] - (after[0] - box.left) * per;
    look(from, from + box.width * per);
    point();
  });
  const gone = (e: PointerEvent): void => {
    delete fingers[e.pointerId];
  };
  over.addEventListener("pointerup", gone);
  over.addEventListener("pointercancel", gone);
  over.addEventListener("pointerleave", gone);
}

const dot = document.createElement("div");
dot.className = "dot";
const line = document.createElement("div");
line.className = "at";

function start(d: Journey): void {
  if (!d.legs.length) return;
  whole = shown = d;
  list = items(d);
  if (!list.length) return;
  root.hidden = false;
  const font = "15px system-ui, sans-serif";
  const axis = { stroke: () => colour("quiet"), grid: { stroke: () => colour("line"), width: 1 }, ticks: { stroke: () => colour("line"), width: 1 }, font: font };
  const pad = (d.end - d.begin) * 0.01;
  const y = degrees(d.begin, d.end);
  u = new uPlot(
    {
      width: plot.clientWidth, height: height(), padding: [30, 26, 0, 0], legend: { show: false },
      // uPlot reads the hours of its dates as local ones: theirs are those of the programme's zone.
      tzDate: (t: number) => {
        const z = zoned(t, zone);
        return new Date(z.getTime() + z.getTimezoneOffset() * 60000);
      },
      cursor: { x: false, y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 6 }, bind: { dblclick: () => () => acts.whole() } },
      scales: { x: { time: true, auto: false, min: d.begin - pad, max: d.end + pad }, y: { auto: false, min: y[0], max: y[1] } },
      series: [{}, { paths: () => null, points: { show: false } }],
      axes: [
        Object.assign({}, axis, {
          space: 76, size: 56,
          values: (_: any, splits: number[], __: number, ___: number, step: number) => {
            let day = "";
            return splits.map((t) => {
              const z = zoned(t, zone);
              const first = dayOf(z) !== day;
              day = dayOf(z);
              return step >= 86400 ? day : timeOf(z) + (first ? "\n" + day : "");
            });
          },
        }),
        Object.assign({}, axis, { size: 58, space: 36, incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100], values: (_: any, splits: number[]) => splits.map((c) => minus(String(+c.toFixed(2))) + "°") }),
      ],
      hooks: {
        drawClear: [(self: any) => back(self, shown)],
        draw: [(self: any) => front(self, shown)],
        setSelect: [
          (self: any) => {
            const s = self.select;
            if (s.width < 6) return;
            const from = self.posToVal(s.left, "x");
            const to = self.posToVal(s.left + s.width, "x");
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            look(from, to);
            point();
          },
        ],
      },
    },
    [list.map((x) => x.begin), list.map((x) => x.lo)],
    plot,
  );
  u.over.appendChild(line);
  u.over.appendChild(dot);
  touch(u.over);
  // The first thing to look at is what was out of range.
  at = d.out.length ? itemAt(list, d.out[0].begin) : 0;
  look(d.begin, d.end);
  readout.setAttribute("aria-live", "off");
  point();

  (document.getElementById("drawing") as HTMLElement).classList.add("printed");
  const buttons = document.querySelectorAll<HTMLElement>("button[data-leg]");
  for (let i = 0; i < buttons.length; i++) {
    buttons[i].hidden = false;
    buttons[i].addEventListener("click", () => {
      toLeg(+(buttons[i].dataset.leg as string) - 1);
      plot.focus();
      root.scrollIntoView({ block: "center" });
    });
  }
  const fit = (): void => {
    if (plot.clientWidth && plot.clientWidth !== u.width) {
      u.setSize({ width: plot.clientWidth, height: height() });
      point();
    }
  };
  window.addEventListener("resize", fit);
  ["(prefers-color-scheme: dark)", "(forced-colors: active)"].forEach((q) => {
    const m = matchMedia(q);
    if (m.addEventListener) m.addEventListener("change", () => u.redraw(false, true));
  });
}

get("").then(start, () => undefined); // what the server drew stays
