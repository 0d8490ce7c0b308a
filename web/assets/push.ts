// The worker that shows messages which came by push, also while no page is open. It keeps and fetches nothing.

interface Notice {
  title?: string;
  body?: string;
  url?: string;
  tag?: string;
}

interface Extendable extends Event {
  waitUntil(p: Promise<unknown>): void;
}

interface Pushed extends Extendable {
  data: { json(): Notice } | null;
}

interface Clicked extends Extendable {
  notification: { data: string; close(): void };
}

interface Scope {
  location: Location;
  registration: { showNotification(title: string, options: object): Promise<void> };
  clients: { openWindow(url: string): Promise<unknown> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "push", f: (e: Pushed) => void): void;
  addEventListener(type: "notificationclick", f: (e: Clicked) => void): void;
  addEventListener(type: "install", f: (e: Extendable) => void): void;
}

const scope = self as unknown as Scope;

// here gives an address of this service, whatever the message says.
function here(url: string | undefined): string {
  try {
    const u = new URL(url || "/", scope.location.origin);
    return u.origin === scope.location.origin ? u.href : "/";
  } catch (e) {
    return "/";
  }
}

scope.addEventListener("install", (e) => e.waitUntil(scope.skipWaiting()));

scope.addEventListener("push", (e) => {
  let n: Notice = {};
  try {
    if (e.data) n = e.data.json();
  } catch (err) {
    n = {};
  }
  // Browsers want something shown for every push. Two of the same message are one: they have the same tag.
  const title = n.title || scope.location.host;
  e.waitUntil(scope.registration.showNotification(title, { body: n.body || "", tag: n.tag || "", data: here(n.url) }));
});

scope.addEventListener("notificationclick", (e) => {
  e.notification.close();
  e.waitUntil(scope.clients.openWindow(here(e.notification.data)));
});
