// A deploy as it goes: what the service tells of it, put where it belongs without anything jumping.

import { mountFleetMap, decodeStates } from "./fleetmap.js";
import { ask, base } from "./page.js";
import { replaceParts } from "./deploy-parts.js";
import { askToNotify, createHorn, mountTabProgress, notify } from "./progress.js";

const REFRESH_MS = 1000;
const PATIENCE = 8;
const SILENT_MS = 35_000;
const START_SECONDS = 20;
const SETTLED = 6; // The code of `done`: what comes behind it is settled as well.
const DONE = 6;
const WRONG = new Set([7, 8, 9]);
const BACK = new Set([10, 11]);

const root = document.getElementById("deploy");
const path = `/deploys/${root.dataset.id}`;
const lost = document.getElementById("lost");
const panel = document.getElementById("host-panel");
const tab = mountTabProgress();
const horn = createHorn({ muted: root.dataset.muted === "yes" });
const sounds = root.dataset.sound === "yes";

let map = null;
let layout = null;
let states = new Uint8Array(0);
let row = null;
let lastEvent = Number(root.dataset.after);
let active = root.dataset.active === "yes";

// The fleet map

async function showMap() {
  layout = await (await ask(`${path}/layout`)).json();
  states = Uint8Array.from(layout.codes);
  map?.destroy();
  map = null;
  if (!layout.hosts) return;
  map = mountFleetMap(document.getElementById("map"), layout, {
    onPick: (host) => openHost(host.name),
    onFilter: (text) => filterMap(text),
  });
  map.set(states);
  for (const hidden of document.querySelectorAll("[data-needs-script]")) hidden.hidden = false;
  filterMap(filterBox().value);
  showShares();
}

const filterBox = () => document.querySelector("[data-map-filter]");

function filterMap(text) {
  if (!map) return;
  filterBox().value = text;
  const { shown, problems } = map.filter(text);
  const note = text ? `${shown.toLocaleString("en")} of ${layout.hosts.toLocaleString("en")} hosts` : "";
  document.querySelector("[data-map-note]").textContent = [note, ...problems].filter(Boolean).join(". ");
}

/** How far each region is, from the states of its hosts. */
function showShares() {
  for (const region of layout?.regions ?? []) {
    const line = root.querySelector(`[data-region="${CSS.escape(region.name)}"]`);
    if (!line) continue;
    const codes = region.zones.flatMap(({ roles }) => roles.flatMap(({ hosts }) => hosts.map(([at]) => states[at])));
    const wrong = codes.filter((code) => WRONG.has(code)).length;
    const bar = line.querySelector("progress");
    bar.value = codes.reduce((total, code) => total + Math.min(code, SETTLED), 0);
    const back = codes.filter((code) => BACK.has(code)).length;
    bar.className = wrong ? "wrong" : back ? "back" : "";
    const done = document.createElement("b");
    done.textContent = back || codes.filter((code) => code === DONE).length;
    const count = line.querySelector(".count");
    count.replaceChildren(done, ` of ${codes.length} ${back ? "went back" : "done"}`);
    if (wrong) {
      const told = document.createElement("em");
      told.textContent = `${wrong} wrong`;
      count.append(", ", told);
    }
  }
}

// The log of a host, beside the page

async function openHost(name) {
  const inside = panel.querySelector("[data-panel]");
  panel.hidden = false;
  const answer = await fetch(`${base}${path}/hosts/${encodeURIComponent(name)}`, { headers: { "x-panel": "yes" } });
  if (!answer.ok) {
    inside.textContent = `${name} could not be read: ${answer.status}`;
    return;
  }
  inside.innerHTML = await answer.text();
  // The page may have the same lines: these are links to the page of the host.
  for (const line of inside.querySelectorAll(".lines li")) line.removeAttribute("id");
  for (const link of inside.querySelectorAll(".lines a")) {
    link.href = `${base}${path}/hosts/${encodeURIComponent(name)}${link.hash}`;
  }
  htmx.process(inside);
  inside.focus({ preventScroll: true });
}

function closeHost() {
  if (panel.hidden) return;
  panel.hidden = true;
  document.querySelector("#map canvas[tabindex]")?.focus({ preventScroll: true });
}

// Lines that are linked to

function showLine() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (!wanted.startsWith("L-")) return;
  for (const one of document.querySelectorAll(".lines .here")) one.classList.remove("here");
  const line = document.getElementById(wanted);
  const text = document.querySelector(`[data-anchor="${CSS.escape(wanted.replace(/-\d+$/, ""))}"]`);
  const fold = (line ?? text)?.closest("details");
  if (fold) fold.open = true;
  if (line) {
    line.classList.add("here");
    line.scrollIntoView({ block: "center" });
  } else {
    text?.querySelector("[data-more]")?.click();
  }
}

// What the page shows besides

let waits = 0;
let wanted = false;

/** Has the parts of the page read anew: at once, and then once a second at most. */
function refresh() {
  wanted = true;
  if (waits) return;
  waits = setTimeout(async () => {
    try {
      while (wanted) {
        wanted = false;
        const began = performance.now();
        await readParts();
        // The more people look on, the longer an answer takes, and the less often each of them asks.
        const pause = Math.max(REFRESH_MS, PATIENCE * (performance.now() - began));
        await new Promise((wake) => setTimeout(wake, pause));
      }
    } finally {
      waits = 0;
    }
  }, 0);
}

async function readParts() {
  const query = new URLSearchParams({ q: document.querySelector("#logs input").value });
  const answer = await ask(`${path}/parts?${query}`).catch(() => null);
  if (!answer) return;
  replaceParts(root, await answer.text());
  showDoing();
  showShares();
  tick();
  showTab();
}

/** What it does this moment: told often, so that the rest of the page is left alone. */
function showDoing() {
  const doing = row?.doing;
  const now = root.querySelector("#part-lead .now");
  if (!now || !doing) return;
  if (doing.kind === "watch_progress") {
    const count = (parts) => Object.values(parts).reduce((total, one) => total + one, 0);
    const hosts = count(doing.hosts);
    now.querySelector("[data-well]").textContent = hosts ? `${count(doing.well)} of ${hosts} hosts healthy` : "";
    now.querySelector("[data-bake]").dataset.until = doing.until;
  } else if (doing.kind === "build_output") {
    now.querySelector("[data-line]").textContent = doing.line;
  }
}

function tick() {
  const now = Date.now() / 1000;
  for (const one of root.querySelectorAll("[data-since]")) one.textContent = `${Math.max(0, now - one.dataset.since).toFixed(0)} s`;
  for (const one of root.querySelectorAll("[data-until]")) {
    const left = Math.ceil(one.dataset.until - now);
    one.textContent = left > 0 ? `bakes for another ${left} s` : "";
  }
}

function showTab() {
  const steps = [...root.querySelectorAll("#part-steps .step")];
  const over = steps.filter((step) => step.matches(".done, .failed, .skipped")).length;
  const state = row?.state ?? root.querySelector("h1 .pill").textContent.trim().replace(" ", "_");
  tab.set({ state, fraction: steps.length ? over / steps.length : 0, title: `${root.dataset.what} · ${root.dataset.id}` });
}

// What comes in

const withoutDoing = ({ doing, ...rest }) => JSON.stringify(rest);

function take(update) {
  const before = row;
  if (update.snapshot !== undefined) {
    states = decodeStates(update.snapshot);
    if (!layout || layout.hosts !== states.length) showMap();
    else map?.set(states);
    showShares();
  }
  if (update.hosts) {
    for (const [at, code] of update.hosts) states[at] = code;
    map?.apply(update.hosts);
    showShares();
  }
  if (update.deploy) {
    row = update.deploy;
    showDoing();
    tick();
    if (row.state === "paused" && before && before.state !== "paused") tell("paused", row.pause_reason);
  }
  const moved = update.deploy && (!before || withoutDoing(before) !== withoutDoing(row));
  if (update.events || moved || update.ended) refresh();
  if (update.ended) end();
}

function end() {
  active = false;
  root.dataset.active = "no";
  if (sounds) horn.play();
  tell(row.state.replace("_", " "), row.message);
}

function tell(state, words) {
  notify(`${root.dataset.what}: ${state}`, words || `Deploy ${root.dataset.id}`, { tag: `deploy-${root.dataset.id}` });
}

// The connection

let source = null;
let heard = Date.now();

function connect() {
  source?.close();
  source = new EventSource(`${base}${path}/live?after_event=${lastEvent}`);
  source.addEventListener("update", (event) => {
    hear();
    lastEvent = Number(event.lastEventId) || lastEvent;
    const update = JSON.parse(event.data);
    take(update);
    if (update.ended) source.close();
  });
  source.addEventListener("ping", hear);
  source.addEventListener("open", hear);
  source.addEventListener("error", lose);
}

function hear() {
  heard = Date.now();
  lost.hidden = true;
}

function lose() {
  if (!active) return;
  if (lost.hidden) lost.querySelector("[data-lost-since]").textContent = new Date(heard).toLocaleTimeString();
  lost.hidden = false;
}

/** A source gives up when the service answers with an error, and notices nothing when the network is gone. */
function watchConnection() {
  if (!active) return;
  if (Date.now() - heard > SILENT_MS) lose();
  if (source.readyState === EventSource.CLOSED || Date.now() - heard > SILENT_MS) connect();
}

// People

document.addEventListener("click", (event) => {
  const host = event.target.closest("[data-host]");
  if (host && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    openHost(host.dataset.host);
  }
  const filter = event.target.closest("[data-filter]");
  if (filter) {
    filterMap(filter.dataset.filter);
    document.getElementById("fleet").scrollIntoView({ block: "start" });
  }
  if (event.target.closest("[data-close-panel]")) closeHost();
  if (event.target.closest("[data-notify]")) askToNotify().then(showNotify);
});
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-map-filter]")) filterMap(event.target.value);
});
document.addEventListener("submit", async (event) => {
  if (event.target.matches("[data-needs-script]")) event.preventDefault();
  if (!event.target.matches("[data-mute-form]")) return;
  event.preventDefault();
  const form = new URLSearchParams(new FormData(event.target));
  await ask("/account/mute", { method: "POST", body: form });
  horn.mute(form.get("muted") === "yes");
  await readParts();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll(".act[open]")) open.open = false;
    closeHost();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  if (event.key === "p") {
    const act = document.querySelector('[data-key-act="p"]');
    if (!act) return;
    act.open = true;
    act.querySelector("form button").focus();
  } else if (event.key === "m") {
    document.getElementById("fleet").scrollIntoView({ block: "start" });
    document.querySelector("#map canvas[tabindex]")?.focus({ preventScroll: true });
  } else if (event.key === "l") {
    const logs = document.getElementById("logs");
    logs.scrollIntoView({ block: "start" });
    logs.focus({ preventScroll: true });
  }
});
addEventListener("hashchange", showLine);
document.addEventListener("htmx:afterSwap", (event) => event.target.closest?.("#logs") && showLine());

function showNotify() {
  const button = document.querySelector("[data-notify]");
  if (button) button.hidden = !active || !("Notification" in window) || Notification.permission !== "default";
}

/** The horn at the beginning: as soon as the browser lets it be heard, but not long after. */
async function soundStart() {
  const begun = Date.now() / 1000 - Number(root.dataset.started);
  if (!active || !sounds || begun > START_SECONDS) return;
  if (await horn.unlock()) horn.play();
}
for (const type of ["pointerdown", "keydown"]) addEventListener(type, () => horn.unlock(), { once: true });

await showMap().catch(() => {});
showLine();
tick();
if (active) {
  connect();
  setInterval(tick, 1000);
  setInterval(watchConnection, 3000);
  showTab();
  showNotify();
  soundStart();
  addEventListener("pagehide", () => source.close());
}
