// What every page does: relative times stay true, light or dark, keyboard shortcuts, notes that were read.

const STEPS = [[60, "s", 1], [3600, "min", 60], [86400, "h", 3600], [2592000, "d", 86400], [31536000, "mo", 2592000]];

/** The path in front of every page, "" or "/deploy". */
export const base = document.querySelector('meta[name="base"]').content;

/** Ask the service, as this person. Rejects with its own words when it refuses. */
export async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = { "x-csrftoken": document.querySelector('meta[name="csrf-token"]').content };
  const answer = await fetch(base + path, { method, body, headers, signal, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer;
}

/** A moment in Unix seconds as "5 min ago" or "in 2 h". */
export function relative(at, now = Date.now() / 1000) {
  const seconds = Math.abs(now - at);
  if (seconds < 5) return "just now";
  const [, unit, size] = STEPS.find(([below]) => seconds < below) ?? [0, "y", 31536000];
  const amount = `${Math.floor(seconds / size)} ${unit}`;
  return at <= now ? `${amount} ago` : `in ${amount}`;
}

function keepTimesTrue() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    time.textContent = relative(Date.parse(time.dateTime) / 1000);
  }
}

function toggleTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const shown = document.documentElement.dataset.theme;
  const next = (shown === "auto" ? dark : shown === "dark") ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  document.cookie = `horn_theme=${next}; path=${base || "/"}; max-age=31536000; samesite=lax`;
  document.dispatchEvent(new Event("themechange"));
}

let waitsForSecond = false;

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (waitsForSecond) {
    waitsForSecond = false;
    document.querySelector(`.top nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
    return;
  }
  if (event.key === "g") {
    waitsForSecond = true;
    setTimeout(() => (waitsForSecond = false), 1500);
  } else if (event.key === "?") {
    document.getElementById("shortcuts").showModal();
  } else if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  if (event.target.closest("[data-shortcuts]")) document.getElementById("shortcuts").showModal();
  for (const open of document.querySelectorAll("details.menu[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
document.addEventListener("htmx:afterSwap", keepTimesTrue);
setInterval(keepTimesTrue, 10_000);
keepTimesTrue();
if (document.querySelector("[data-note]")) document.cookie = `horn_note=; path=${base || "/"}; max-age=0`;
