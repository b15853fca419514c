// What is new is asked for now and then, and only what changed is put in its place. Without this, pages are the same,
// and are reloaded by hand.
"use strict";

const told = new WeakMap();
let tag = document.body.dataset.tag;
let misses = 0;

const keyed = (list) => [...list.children].filter((child) => child.id);

function remember(list) {
  for (const child of keyed(list)) {
    told.set(child, child.outerHTML);
    if (child.hasAttribute("data-list")) remember(child);
  }
}

/** Put a new element in the place of an old one, with what was opened, ticked or typed there. */
function exchange(old, fresh) {
  const source = fresh.outerHTML;
  for (const one of old.querySelectorAll("details[id]")) {
    const other = fresh.querySelector(`#${CSS.escape(one.id)}`);
    if (other) other.open = one.open;
  }
  for (const one of old.querySelectorAll("input[type=checkbox]:checked")) {
    const other = fresh.querySelector(`input[value="${CSS.escape(one.value)}"]`);
    if (other) other.checked = true;
  }
  old.replaceWith(fresh);
  told.set(fresh, source);
  if (fresh.hasAttribute("data-list")) remember(fresh);
}

function follow(list, fresh) {
  const before = new Map(keyed(list).map((child) => [child.id, child]));
  let place = null;
  for (const child of keyed(fresh)) {
    const old = before.get(child.id);
    before.delete(child.id);
    let now = old;
    if (!old) {
      now = document.importNode(child, true);
      told.set(now, child.outerHTML);
      if (now.hasAttribute("data-list")) remember(now);
    } else if (old.hasAttribute("data-list") && child.hasAttribute("data-list")) {
      follow(old, child);
    } else if (told.get(old) !== child.outerHTML) {
      now = document.importNode(child, true);
      exchange(old, now);
    }
    const next = place ? place.nextElementSibling : list.firstElementChild;
    if (now !== next) list.insertBefore(now, next);
    place = now;
  }
  for (const gone of before.values()) gone.remove();
}

async function look() {
  const pulse = document.getElementById("pulse");
  try {
    const reply = await fetch(location.href, { headers: { "If-None-Match": `"${tag}"` }, cache: "no-store" });
    misses = 0;
    pulse.textContent = "";
    if (reply.status === 304) return;
    if (!reply.ok) { pulse.textContent = "this is no longer there"; return; }
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    follow(document.getElementById("main"), page.getElementById("main"));
    document.title = page.title;
    tag = page.body.dataset.tag;
    document.body.dataset.every = page.body.dataset.every;
    tick();
  } catch {
    misses += 1;
    pulse.textContent = "the studio has ended, or does not answer";
  }
}

function tick() {
  for (const one of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(one.dataset.since)) / 1000));
    const parts = [[3600, "h"], [60, "min"], [1, "s"]].filter(([size]) => seconds >= size).slice(0, 2);
    one.textContent = parts.length
      ? parts.map(([size, unit], at) => `${Math.floor((at ? seconds % parts[0][0] : seconds) / size)} ${unit}`).join(" ")
      : "0 s";
  }
}

async function watch() {
  for (;;) {
    const wait = Math.min(60, Number(document.body.dataset.every) * 2 ** Math.min(misses, 6));
    await new Promise((done) => setTimeout(done, 1000 * wait));
    if (!document.hidden) await look();
  }
}

if (tag) {
  remember(document.getElementById("main"));
  tick();
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  watch();
}

// Two are compared: a third tick takes the first away.
let ticked = [];
document.addEventListener("change", (event) => {
  if (event.target.name !== "of" || event.target.type !== "checkbox") return;
  ticked = ticked.filter((value) => value !== event.target.value);
  if (event.target.checked) ticked.push(event.target.value);
  while (ticked.length > 2) {
    const value = ticked.shift();
    for (const box of document.querySelectorAll("input[name=of]")) if (box.value === value) box.checked = false;
  }
});
