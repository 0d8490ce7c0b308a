// How a journey is painted on the canvas of uPlot: legs and the bands of their stages behind the grid; readings, summaries, times out of range and marks before
// it. Colours are those of the stylesheet, so that dark and forced colours hold.

import { Journey, SUM, UNKNOWN } from "./journeydata";

// colour reads a colour of the stylesheet.
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim() || "#888";
}

// Pen is a canvas in the pixels of the screen, cut to the plot.
interface Pen { ctx: CanvasRenderingContext2D; left: number; top: number; width: number; height: number; scale: number; x: (t: number) => number; y: (c: number) => number }

function within(u: any, paint: (p: Pen) => void): void {
  const ctx = u.ctx as CanvasRenderingContext2D;
  const b = u.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(b.left, b.top, b.width, b.height);
  ctx.clip();
  paint({
    ctx: ctx, left: b.left, top: b.top, width: b.width, height: b.height, scale: devicePixelRatio || 1,
    x: (t) => u.valToPos(t, "x", true), y: (c) => u.valToPos(c, "y", true),
  });
  ctx.restore();
}

// hatch is how time is painted of which nothing is known.
function hatch(p: Pen): CanvasPattern | string {
  const size = Math.round(8 * p.scale);
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const c = tile.getContext("2d");
  if (!c) return colour("hatch");
  c.fillStyle = colour("warn-soft");
  c.fillRect(0, 0, size, size);
  c.strokeStyle = colour("hatch");
  c.lineWidth = size / 4;
  c.beginPath();
  for (let i = -1; i < 2; i++) {
    c.moveTo(i * size - size / 2, size * 1.5);
    c.lineTo(i * size + size * 1.5, -size / 2);
  }
  c.stroke();
  return p.ctx.createPattern(tile, "repeat") || colour("hatch");
}

// back paints what lies behind the grid.
export function back(u: any, d: Journey): void {
  within(u, (p) => {
    const { ctx } = p;
    d.legs.forEach((l, i) => {
      const from = p.x(l.begin);
      const wide = Math.max(p.x(l.end) - from, p.scale);
      ctx.fillStyle = colour(i % 2 ? "leg-b" : "leg-a");
      ctx.fillRect(from, p.top, wide, p.height);
    });
    d.legs.forEach((l) => {
      const r = d.rules[l.rule];
      if (!r) return;
      const from = p.x(l.begin);
      const to = p.x(l.end);
      ctx.fillStyle = colour("band");
      ctx.fillRect(from, p.y(r.store[1]), to - from, p.y(r.store[0]) - p.y(r.store[1]));
    });
    ctx.fillStyle = hatch(p);
    const unknown = (from: number, to: number) => ctx.fillRect(p.x(from), p.top, Math.max(p.x(to) - p.x(from), 2 * p.scale), p.height);
    d.gaps.forEach((g) => unknown(g[0], g[1]));
    d.legs.forEach((l) => l.kind.forEach((k, i) => k === UNKNOWN && unknown(l.t[i], l.t[i + 1])));
    d.out.forEach((o) => {
      ctx.fillStyle = colour(o.cold ? "cold" : "warmth");
      ctx.globalAlpha = 0.28;
      const wide = Math.max(p.x(o.end) - p.x(o.begin), 4 * p.scale);
      ctx.fillRect((p.x(o.begin) + p.x(o.end) - wide) / 2, p.top, wide, p.height);
      ctx.globalAlpha = 1;
    });
  });
}

// front paints what was told, and marks it.
export function front(u: any, d: Journey): void {
  within(u, (p) => {
    const { ctx } = p;
    ctx.strokeStyle = colour("good");
    ctx.lineWidth = 2 * p.scale;
    ctx.setLineDash([7 * p.scale, 5 * p.scale]);
    ctx.beginPath();
    d.legs.forEach((l) => {
      const r = d.rules[l.rule];
      if (!r) return;
      r.store.forEach((c) => {
        ctx.moveTo(p.x(l.begin), p.y(c));
        ctx.lineTo(p.x(l.end), p.y(c));
      });
    });
    ctx.stroke();
    ctx.setLineDash([]);
    d.legs.forEach((l) => {
      const line = new Path2D();
      const spread = new Path2D();
      const sums = new Path2D();
      let last: number | null = null;
      for (let i = 0; i + 1 < l.t.length; i++) {
        const lo = l.lo[i];
        const hi = l.hi[i];
        if (lo === null || hi === null) {
          last = null;
          continue;
        }
        const from = p.x(l.t[i]);
        const to = p.x(l.t[i + 1]);
        if (to < p.left || from > p.left + p.width) {
          last = null;
          continue;
        }
        if (l.kind[i] === SUM) {
          sums.rect(from, p.y(hi), to - from, Math.max(p.y(lo) - p.y(hi), p.scale));
          last = null;
          continue;
        }
        // A reading stands until the next one: steps. Where several tell, a band from the least to the most.
        if (hi > lo) {
          const high = Math.max(p.y(lo) - p.y(hi), 2 * p.scale);
          spread.rect(from, (p.y(lo) + p.y(hi) - high) / 2, Math.max(to - from, p.scale), high);
          last = null;
          continue;
        }
        if (last === null) line.moveTo(from, p.y(lo));
        else line.lineTo(from, p.y(lo));
        line.lineTo(to, p.y(lo));
        last = lo;
      }
      ctx.lineJoin = "round";
      ctx.fillStyle = ctx.strokeStyle = colour("accent");
      ctx.globalAlpha = 0.3;
      ctx.fill(sums);
      ctx.globalAlpha = 0.75;
      ctx.fill(spread);
      ctx.globalAlpha = 1;
      ctx.lineWidth = 1.5 * p.scale;
      ctx.setLineDash([5 * p.scale, 3 * p.scale]);
      ctx.stroke(sums);
      ctx.setLineDash([]);
      ctx.strokeStyle = colour("text");
      ctx.lineWidth = 2.2 * p.scale;
      ctx.stroke(line);
    });
    d.out.forEach((o) => outside(p, (p.x(o.begin) + p.x(o.end)) / 2, p.y(o.most), o.cold));
    d.marks.forEach((m) => mark(p, p.x(m.at), m.kind === "alarm"));
  });
  numbers(u, d);
}

// outside marks a time out of range by a shape that points to how far out it was.
function outside(p: Pen, x: number, y: number, cold: boolean): void {
  const s = p.scale * (cold ? 1 : -1);
  y = Math.min(Math.max(y, p.top + 14 * p.scale), p.top + p.height - 14 * p.scale);
  p.ctx.fillStyle = colour(cold ? "cold" : "warmth");
  p.ctx.beginPath();
  p.ctx.moveTo(x, y + 3 * s);
  p.ctx.lineTo(x - 7 * p.scale, y + 15 * s);
  p.ctx.lineTo(x + 7 * p.scale, y + 15 * s);
  p.ctx.fill();
}

// mark is a moment: a diamond for an alarm, a square for a verdict, at the top of a line.
function mark(p: Pen, x: number, alarm: boolean): void {
  const { ctx } = p;
  x = Math.min(Math.max(x, p.left + (x < p.left ? -20 : 8) * p.scale), p.left + p.width + (x > p.left + p.width + 1 ? 20 : -8) * p.scale);
  const y = p.top + (alarm ? 11 : 29) * p.scale;
  const r = 7 * p.scale;
  ctx.strokeStyle = ctx.fillStyle = colour(alarm ? "bad" : "link");
  ctx.lineWidth = 1.5 * p.scale;
  ctx.setLineDash([2 * p.scale, 3 * p.scale]);
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x, p.top + p.height);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.beginPath();
  if (alarm) {
    ctx.moveTo(x, y - r - p.scale);
    ctx.lineTo(x + r + p.scale, y);
    ctx.lineTo(x, y + r + p.scale);
    ctx.lineTo(x - r - p.scale, y);
  } else {
    ctx.rect(x - r + p.scale, y - r + p.scale, 2 * (r - p.scale), 2 * (r - p.scale));
  }
  ctx.closePath();
  ctx.fill();
  ctx.strokeStyle = colour("card");
  ctx.stroke();
}

// numbers writes above the plot which leg is which, and who had the box where there is room to say it.
function numbers(u: any, d: Journey): void {
  const ctx = u.ctx as CanvasRenderingContext2D;
  const b = u.bbox;
  const scale = devicePixelRatio || 1;
  ctx.save();
  ctx.font = "700 " + 14 * scale + "px system-ui, sans-serif";
  ctx.fillStyle = colour("text");
  ctx.strokeStyle = colour("quiet");
  ctx.lineWidth = scale;
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  let free = -1e9;
  d.legs.forEach((l) => {
    const from = Math.max(u.valToPos(l.begin, "x", true), b.left);
    const to = Math.min(u.valToPos(l.end, "x", true), b.left + b.width);
    if (to < b.left || from > b.left + b.width || to < from) return;
    ctx.beginPath();
    ctx.moveTo(from, b.top - 5 * scale);
    ctx.lineTo(from, b.top + b.height);
    ctx.stroke();
    const long = l.n + ". " + l.where;
    const text = [long, String(l.n)].filter((s) => ctx.measureText(s).width + 12 * scale < to - from)[0] || String(l.n);
    const half = ctx.measureText(text).width / 2;
    const at = Math.max((from + to) / 2, b.left + half);
    if (at - half < free) return;
    ctx.fillText(text, at, b.top - 9 * scale);
    free = at + half + 4 * scale;
  });
  ctx.restore();
}
