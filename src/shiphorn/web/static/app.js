// The page of an app: the graph, the commit beside it, and cards that stay true.

import { mountGraph } from "./graph.js";
import { ask, base } from "./page.js";

// A page shows what is known; what it had fetched is there soon.
const SOON_MS = 2_500;
const LOOK_AGAIN_MS = 30_000;

const element = document.getElementById("graph");
const lookout = document.getElementById("lookout");
const panel = document.getElementById("commit");
const cards = document.getElementById("cards");
const root = `/apps/${encodeURIComponent(cards.dataset.app)}`;
let environment = element.dataset.environment;
let digest = "";
let late = false;
const graph = await mountGraph(element, {
  load,
  find: async (text) => (await ask(`${root}/graph/find?${new URLSearchParams({ q: text, digest })}`)).json(),
  select: (row) => show(row.sha),
  environment,
  at: Number(element.dataset.row || 0),
  chosen: element.dataset.row !== "",
  label: `Commits of ${cards.dataset.app}`,
}).catch(() => null);

async function load(start, count) {
  const answer = await ask(`${root}/graph?${new URLSearchParams({ digest, start, count })}`);
  const window = await answer.json();
  digest = window.graph;
  return window;
}

async function show(sha) {
  const query = new URLSearchParams({ environment });
  await htmx.ajax("GET", `${panelPath(sha)}?${query}`, { target: panel, swap: "innerHTML" });
  if (!panel.firstElementChild) return;
  lookout.classList.add("has-commit");
  panel.dataset.sha = sha;
  remember(sha);
  // The graph has become narrower, and its rows higher: once that is measured, the choice is brought back into view.
  requestAnimationFrame(() => requestAnimationFrame(() => graph?.goTo(graph.active, { centre: true })));
  if (panel.getBoundingClientRect().top > innerHeight * 0.6) panel.scrollIntoView({ block: "start" });
}

/** Let the address lead to what is looked at. */
function remember(sha) {
  history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ commit: sha, environment })}`);
}

function panelPath(sha) {
  return `${base}${root}/commits/${sha}`;
}

function close() {
  lookout.classList.remove("has-commit");
  panel.replaceChildren();
  history.replaceState(null, "", location.pathname);
  element.querySelector(".graph-list")?.focus({ preventScroll: true });
}

async function refreshGraph() {
  digest = "";
  await graph?.refresh().catch(() => {});
}

/** Show the environments anew, unless somebody is filling in a form there. */
async function refreshCards() {
  late = Boolean(cards.querySelector("details[open]"));
  if (late) return;
  await htmx.ajax("GET", `${base}${root}/cards`, { target: cards, swap: "innerHTML" });
}

async function lookAgain() {
  if (document.hidden) return;
  const known = digest;
  const state = await ask(`${root}/graph/state`).then((answer) => answer.json()).catch(() => null);
  if (!state) return;
  if (state.graph && state.graph !== known) await refreshGraph();
  if (Boolean(state.trouble) !== Boolean(cards.querySelector("[data-trouble]"))) await refreshCards();
}

element.addEventListener("change", (event) => {
  if (!event.target.matches(".graph-environment")) return;
  environment = event.target.value;
  if (panel.dataset.sha) show(panel.dataset.sha);
});
panel.addEventListener("change", (event) => {
  if (!event.target.matches('select[name="environment"]')) return;
  environment = event.target.value;
  graph?.setEnvironment(environment);
  remember(panel.querySelector('input[name="commit"]').value);
});
panel.addEventListener("click", (event) => {
  if (event.target.closest("[data-close]")) close();
});
lookout.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && lookout.classList.contains("has-commit")) close();
});
cards.addEventListener("click", (event) => {
  const live = event.target.closest("[data-commit]");
  if (!live || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(live.dataset.commit);
});
cards.addEventListener("toggle", () => late && refreshCards(), true);

const changes = new EventSource(`${base}/board/changes?${new URLSearchParams({ since: cards.dataset.since })}`);
changes.addEventListener("changed", () => {
  refreshCards();
  refreshGraph();
});
addEventListener("pagehide", () => changes.close());
setTimeout(lookAgain, SOON_MS);
setInterval(lookAgain, LOOK_AGAIN_MS);
