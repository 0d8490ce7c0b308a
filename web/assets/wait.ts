// The script of the waiting page. It reads the public document of the line, asks for the place itself only when that
// document cannot tell (a number has been drawn, the turn has come, half of the way has passed), and shows what it read.
//
// It grants nothing: the button it shows sends a form, and the server decides. When anything fails it keeps what it
// shows, says that the place is safe, and tries again; it never goes on by itself.

import { clock, countdown, fill, fillCount, now, number } from "./say";

interface Line { state: string; joined: number; admitted: number; remaining: number; serverTime: string }
interface Place {
  ticket: string; state: string; number: number; ahead: number; estimatedWaitSeconds: [number, number]; pollAfterSeconds: number; keptUntil?: string;
}

const root = document.getElementById("wait") as HTMLElement;
const text = root.dataset as { [key: string]: string };
const api = "/api/v1/campaigns/" + encodeURIComponent(text.campaign);

// The page begins with what the server wrote into it.
let ticket = text.ticket;
let state = text.state;
let mine = +text.number;
let ahead = +text.ahead;
let wait: [number, number] = [+text.lo, +text.hi];
let poll = +text.poll;
let lineState = "";
let admitted = Math.max(mine - ahead - 1, 0);
let doses = -1; // left for everybody, once the line has told
let asked = ahead; // people ahead when the place was last asked for
let failures = 0;
let timer = 0;
let due = 0; // on the page's own steady clock
let said = ahead;
let saidAt = now();
let serverOffset = +text.now - now(); // server time minus the steady clock; this machine's time of day is never used
const opensAt = +text.now + +text.left * 1000;

const element = (id: string) => document.getElementById(id) as HTMLElement;
const put = (id: string, value: string) => {
  const e = element(id);
  if (e.textContent !== value) e.textContent = value;
};

// estimate has the same rule as estimate in format.go.
function estimate(lo: number, hi: number): string {
  if (lo < 0 || hi < 0 || (hi > 3600 && hi > 8 * Math.max(lo, 60))) return text.unknown;
  if (hi < 60) return text.soon;
  const unit = hi <= 7200 ? 60 : 3600;
  lo = Math.floor(lo / unit);
  hi = Math.max(Math.ceil(hi / unit), lo + 1);
  if (lo === 0) return fill(unit === 60 ? text.uptoMinutes : text.uptoHours, { n: hi });
  return fill(unit === 60 ? text.minutes : text.hours, { lo: lo, hi: hi });
}

// stateOf has the same rule as waitState in wait.go.
function stateOf(line: string, place: string): string {
  if (line === "closed") return "closed";
  if (place === "gathering" && line === "gathering") return "gathering";
  if (line === "paused") return "paused";
  if (place === "invited") return "turn";
  if (place === "standby" || line === "soldOut") return "standby";
  if (place === "gathering") return "drawing";
  return place === "admitted" ? "turn" : "waiting";
}

function show(next: string): void {
  const changed = next !== state;
  state = next;
  const numbered = mine > 0 && state !== "closed" && state !== "turn";
  const parts = root.querySelectorAll<HTMLElement>("[data-part]");
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i].dataset.part;
    parts[i].hidden = !(
      part === state ||
      (part === "number" && numbered) ||
      (part === "progress" && state === "waiting") ||
      (part === "calm" && state !== "closed" && state !== "turn")
    );
  }
  if (mine > 0) put("number", number(mine));
  put("ahead", ahead > 0 ? fillCount(text.single, text.many, ahead) : text.none);
  put("estimate", estimate(wait[0], wait[1]));
  if (doses >= 0) {
    const left = element("doses");
    put("doses", fillCount(left.dataset.single || "", left.dataset.many || "", doses));
    element("short").hidden = ahead < doses;
  }
  const bar = element("bar") as HTMLProgressElement;
  bar.max = Math.max(mine, 1);
  bar.value = Math.max(mine - 1 - ahead, 0);
  if (changed) {
    const heading = root.querySelector<HTMLElement>('[data-part="' + state + '"] h2');
    if (state === "turn" && heading) {
      document.title = text.turnTitle;
      put("say", "");
      heading.focus(); // which a screen reader reads out
    } else {
      put("say", state === "waiting" ? element("ahead").textContent || "" : heading ? heading.textContent || "" : "");
    }
  } else if (state === "waiting" && worthSaying()) {
    put("say", fillCount(text.single, text.saidAhead, ahead));
    said = ahead;
    saidAt = now();
  }
}

// worthSaying keeps a screen reader calm: it speaks when half of the way has passed since it last did, and not more
// often than once a minute.
function worthSaying(): boolean {
  return ahead <= said / 2 && ahead < said && now() - saidAt > 60000;
}

function get(path: string, headers: { [name: string]: string }): Promise<any> {
  return fetch(path, { headers: headers, credentials: "omit" }).then((r) => {
    if (r.ok) return r.json();
    // The server knows this place no longer from this ticket: only a fresh page can tell.
    if (headers["Charye-Ticket"] && r.status >= 400 && r.status < 500 && r.status !== 408 && r.status !== 425 && r.status !== 429) {
      throw "stale";
    }
    throw +(r.headers.get("Retry-After") || 0);
  });
}

function readLine(): Promise<string> {
  return get(api + "/line", {}).then((l: Line) => {
    const at = Date.parse(l.serverTime);
    if (at) serverOffset = at - now();
    lineState = l.state;
    admitted = Math.max(admitted, l.admitted || 0);
    doses = l.remaining;
    const joined = element("joined");
    joined.textContent = fillCount(joined.dataset.single || "", joined.dataset.many || "", l.joined);
    return l.state;
  });
}

function readPlace(): Promise<string> {
  return get(api + "/place", { "Charye-Ticket": ticket }).then((p: Place) => {
    if (p.ticket) ticket = p.ticket;
    mine = p.number || 0;
    ahead = asked = p.ahead || 0;
    wait = p.estimatedWaitSeconds || [-1, -1];
    if (p.pollAfterSeconds > 0) poll = p.pollAfterSeconds;
    // A dose is kept until a time that only the page itself tells.
    if (p.keptUntil && state !== "turn") location.reload();
    return p.keptUntil ? "invited" : p.state;
  });
}

function look(): void {
  readLine()
    .then((line) => {
      const left = mine > 0 ? Math.max(mine - 1 - admitted, 0) : 0;
      // Near the opening the server says when to ask, so that not everybody asks at the same stroke.
      const quiet = line === "gathering" && state === "gathering" && serverOffset + now() + 2000 * poll < opensAt;
      if (quiet || (state === "waiting" && line === "open" && mine > admitted && left > asked / 2 && wait[1] >= 0)) {
        if (!quiet && asked > 0) {
          wait = [(wait[0] / Math.max(ahead, 1)) * left, (wait[1] / Math.max(ahead, 1)) * left];
          ahead = left;
        }
        return state;
      }
      return readPlace().then((place) => stateOf(line, place));
    })
    .then((next) => {
      failures = 0;
      element("lost").hidden = true;
      show(next);
      if (next !== "closed") again(poll);
      else due = 0;
    })
    .catch((why) => {
      if (why === "stale") {
        due = 0;
        element("stale").hidden = false;
        return;
      }
      element("lost").hidden = false;
      failures++;
      const pause = Math.min(60, 3 * Math.pow(2, failures));
      again(Math.max(typeof why === "number" ? why : 0, pause * (0.5 + Math.random() / 2)));
    });
}

function again(seconds: number): void {
  clearTimeout(timer);
  const ms = Math.min(Math.max(seconds, 1), 600) * 1000;
  due = now() + ms;
  timer = window.setTimeout(look, ms);
}

// A telephone that slept wakes up late: look as soon as it is overdue, spread a little.
function wake(): void {
  if (!document.hidden && due && now() > due + 1000) again(1 + Math.random() * 2);
}
document.addEventListener("visibilitychange", wake);
window.addEventListener("pageshow", wake);
window.addEventListener("online", () => {
  if (due && !element("lost").hidden) again(1 + Math.random() * 4);
});
window.addEventListener("offline", () => {
  if (due) element("lost").hidden = false;
});

setInterval(() => {
  put("clock", clock(serverOffset + now(), text.zone));
  if (state === "gathering") {
    const left = opensAt - serverOffset - now();
    if (left <= 0) show("drawing");
    else put("countdown", countdown(left / 1000, text.countDays, text.countHours, text.countMinutes));
  }
}, 1000);
if (state !== "closed") again(poll);
