// Small comforts of the other pages: countdowns that run, "near where I am", printing. Everything works without them.

import { countdown, now } from "./say";

const counts = document.querySelectorAll<HTMLElement>(".countdown");
const began = now();
if (counts.length) {
  const run = setInterval(() => {
    for (let i = 0; i < counts.length; i++) {
      const t = counts[i].dataset as { [key: string]: string };
      const left = +t.left - (now() - began) / 1000;
      counts[i].textContent = countdown(left, t.days, t.hours, t.minutes);
      if (left <= 0) {
        // Nothing reloads by itself: everybody's countdown ends at the same stroke.
        clearInterval(run);
        counts[i].textContent = t.over;
      }
    }
  }, 1000);
}

const near = document.getElementById("near") as HTMLButtonElement | null;
if (near && near.form && navigator.geolocation) {
  const form = near.form;
  const failed = document.getElementById("near-failed") as HTMLElement;
  const set = (id: string, value: number) => {
    // Two decimals are about a kilometre: near enough to sort clinics by, too coarse to be a home.
    (document.getElementById(id) as HTMLInputElement).value = value.toFixed(2);
  };
  near.hidden = false;
  near.addEventListener("click", () => {
    near.disabled = true;
    navigator.geolocation.getCurrentPosition(
      (p) => {
        set("lat", p.coords.latitude);
        set("lon", p.coords.longitude);
        (document.getElementById("region") as HTMLSelectElement).value = "";
        form.submit();
      },
      () => {
        near.disabled = false;
        failed.hidden = false;
      },
      { timeout: 10000, maximumAge: 600000 },
    );
  });
}

const print = document.getElementById("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
