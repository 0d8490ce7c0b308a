// "Tell me on this device": asks the browser for a push subscription and sends it in as a form. Without script, or where the
// browser cannot, the button does not show.

const section = document.getElementById("device");
const button = document.getElementById("device-on") as HTMLButtonElement | null;

// bytes undoes base64url.
function bytes(s: string): Uint8Array {
  const plain = atob(s.replace(/-/g, "+").replace(/_/g, "/"));
  const out = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; i++) out[i] = plain.charCodeAt(i);
  return out;
}

function show(id: string, on: boolean) {
  (document.getElementById(id) as HTMLElement).hidden = !on;
}

if (section && button && button.form && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window) {
  const form = button.form;
  const wanted = bytes(section.dataset.key as string);
  const set = (name: string, value: string) => {
    (form.elements.namedItem(name) as HTMLInputElement).value = value;
  };
  const same = (key: ArrayBuffer | null) => {
    if (!key) return false;
    const had = new Uint8Array(key);
    return had.length === wanted.length && had.every((b, i) => b === wanted[i]);
  };
  const subscribe = (manager: PushManager): Promise<PushSubscription> =>
    manager.getSubscription().then((had) => {
      if (had && same(had.options.applicationServerKey)) return had;
      // One that was made with another key is of no use to anybody.
      const over: Promise<unknown> = had ? had.unsubscribe() : Promise.resolve();
      return over.then(() => manager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted as BufferSource }));
    });
  const send = (s: PushSubscription) => {
    const parts = s.toJSON();
    const keys = parts.keys as { [name: string]: string };
    set("endpoint", s.endpoint);
    set("p256dh", keys.p256dh);
    set("auth", keys.auth);
    form.submit();
  };
  section.hidden = false;
  button.addEventListener("click", () => {
    button.disabled = true;
    show("device-failed", false);
    show("device-denied", false);
    // Asked within the click, and before anything that takes time: browsers want it so.
    Notification.requestPermission()
      .then((answer) => {
        if (answer !== "granted") {
          show("device-denied", true);
          button.disabled = false;
          return;
        }
        return navigator.serviceWorker
          .register("/push.js")
          .then(() => navigator.serviceWorker.ready)
          .then((r) => subscribe(r.pushManager))
          .then(send);
      })
      .catch(() => {
        show("device-failed", true);
        button.disabled = false;
      });
  });
}
