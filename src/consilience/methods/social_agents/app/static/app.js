"use strict";
// Pages work without this. It keeps an open page up to date, sends forms without leaving the page, and shows times as
// the reader's clock does. Nothing is ever made from text: what comes is parsed as a page and put where it stood.

const topics = () => new Set((document.body.dataset.topics || "").split(/\s+/).filter(Boolean));

function localTimes(root) {
  const today = new Date().toDateString();
  for (const one of root.querySelectorAll("time[datetime]")) {
    const at = new Date(one.dateTime);
    if (Number.isNaN(at.valueOf())) continue;
    const clock = { hour: "2-digit", minute: "2-digit" };
    one.textContent = at.toDateString() === today
      ? at.toLocaleTimeString([], clock)
      : at.toLocaleString([], { day: "numeric", month: "short", ...(at.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }), ...clock });
    one.title = at.toLocaleString();
  }
}

function toEnd(root) {
  for (const one of root.querySelectorAll("[data-end]")) one.scrollTop = one.scrollHeight;
}

function toast(text) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, 8000);
}

const busy = (region) => {
  const field = document.activeElement;
  return region.contains(field) && field.matches("input:not([type=hidden]), textarea, select");
};

function take(page) {
  let left = false;
  for (const region of document.querySelectorAll("[data-live][id]")) {
    const fresh = page.getElementById(region.id);
    if (!fresh) { left = true; continue; }
    localTimes(fresh);
    if (fresh.innerHTML === region.dataset.shown) continue;
    if (busy(region)) { region.addEventListener("focusout", () => setTimeout(refresh, 150), { once: true }); continue; }
    const atEnd = region.scrollTop + region.clientHeight >= region.scrollHeight - 40;
    const open = [...region.querySelectorAll("details[open][id]")].map((one) => one.id);
    const shown = fresh.innerHTML;
    region.replaceChildren(...fresh.childNodes);
    region.dataset.shown = shown;
    for (const id of open) { const one = document.getElementById(id); if (one) one.open = true; }
    if (region.hasAttribute("data-end") && atEnd) region.scrollTop = region.scrollHeight;
  }
  if ("at" in page.body.dataset) document.body.dataset.at = page.body.dataset.at;
  if (left) location.reload();
}

let loading = false;
let again = false;
async function refresh() {
  if (loading) { again = true; return; }
  loading = true;
  try {
    do {
      again = false;
      const reply = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
      if (reply.redirected || !reply.ok) { location.reload(); return; }
      take(new DOMParser().parseFromString(await reply.text(), "text/html"));
    } while (again);
  } catch { /* the stream will be back, and then it is looked at again */ } finally { loading = false; }
}

function listen() {
  if (!("at" in document.body.dataset) || !window.EventSource) return;
  const stream = new EventSource("/events");
  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(refresh, 60); };
  // What changed between the making of this page and the begin of the stream, or while it was broken off.
  stream.addEventListener("at", (event) => { if (event.data !== document.body.dataset.at) soon(); });
  stream.addEventListener("changed", (event) => { if (event.data === "all" || topics().has(event.data)) soon(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.dataset.sure && !window.confirm(form.dataset.sure)) { event.preventDefault(); return; }
  if (!form.hasAttribute("data-stay")) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const buttons = [...form.querySelectorAll("button")];
  for (const one of buttons) one.disabled = true;
  try {
    const reply = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields) });
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    if (!reply.ok) { toast(page.getElementById("reason")?.textContent || "That did not work."); return; }
    const there = new URL(reply.url);
    if (there.pathname !== location.pathname) { location.assign(reply.url); return; }
    form.reset();
    for (const one of form.querySelectorAll("[data-enter]")) grow(one);
    document.activeElement?.matches("button") && document.activeElement.blur();
    take(page);
    const told = page.querySelector("main > .told")?.textContent;
    if (told) toast(told);
    toEnd(document);
  } catch {
    toast("The server cannot be reached; nothing was sent.");
  } finally {
    for (const one of buttons) one.disabled = false;
  }
});

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 160)}px`;
}

document.addEventListener("input", (event) => { if (event.target.matches("[data-enter]")) grow(event.target); });
document.addEventListener("keydown", (event) => {
  if (!event.target.matches("[data-enter]") || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (window.matchMedia("(pointer: coarse)").matches) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});
document.addEventListener("focusin", (event) => { if (event.target.matches("[data-select]")) event.target.select(); });

localTimes(document);
for (const region of document.querySelectorAll("[data-live][id]")) region.dataset.shown = region.innerHTML;
toEnd(document);
listen();
