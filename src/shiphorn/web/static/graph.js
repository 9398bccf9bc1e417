/**
 * The commit graph: a list of commits with their lanes drawn beside it, of which only what is seen is made.
 *
 * Lanes are on one canvas that lies over some screens of rows and is drawn anew when the view leaves it,
 * so that both scroll as one. Text is in a pool of real elements: a listbox whose options are reused.
 */

import { drawLanes } from "./graph-lanes.js";
import { buildParts, readTheme } from "./graph-parts.js";
import { describeRow, fillRow, makeRow } from "./graph-rows.js";
import { Windows } from "./graph-windows.js";

const FOUND_LIMIT = 1000;
const OVERSCAN_ROWS = 12;
const SETTLE_MS = 40;
const TYPING_MS = 120;
const NARROW_PX = 640;

/**
 * @typedef {object} Row A commit, as the server's window gives it.
 * @property {string} sha
 * @property {number} lane
 * @property {number[][]} edges [from lane, to lane at the next row, 1 if it leaves a merge]
 * @property {number} parents
 * @property {boolean} cut
 * @property {string} subject
 * @property {string} author
 * @property {number} at Unix seconds
 * @property {{name: string, kind: "branch"|"tag", default: boolean}[]} refs
 * @property {string[]} environments where it is live
 * @property {string|null} bad why
 * @property {"passed"|"failed"|"pending"|null} check
 * @property {string[]} shipped environments whose live commit contains it
 */

/**
 * @typedef {object} Options
 * @property {(start: number, count: number) => Promise<object>} load a window: {graph, total, lanes, start, environments, rows}
 * @property {(text: string) => Promise<number[]>} find rows that match, in order, at most 1,000
 * @property {(row: Row, index: number) => void} select called when a commit is chosen
 * @property {string} [environment] what is not in it is shaded; the last one listed unless told
 * @property {number} [at] the row to begin at
 * @property {boolean} [chosen] whether the commit of that row is chosen already
 * @property {string} [label] what the list is called, for screen readers
 */

/**
 * Draw a commit graph into an element. What the element held (a plain list) is replaced once the first window is here.
 *
 * @param {HTMLElement} element
 * @param {Options} options
 * @returns {Promise<Graph>}
 */
export async function mountGraph(element, options) {
  const graph = new Graph(element, options);
  await graph.start();
  return graph;
}

class Graph {
  #element;
  #options;
  #parts;
  #windows;
  #pool = new Map();
  #spare = [];
  #found = { text: "", rows: [], at: -1 };
  #environment = "";
  #active = 0;
  #chosen = -1;
  #drawn = { first: 0, last: -1, key: "" };
  #frame = 0;
  #settling = 0;
  #typing = 0;
  #metrics = { row: 34, gutter: 60, gap: 16, columns: 1 };
  #theme = null;
  #ended = new AbortController();
  #resizes;

  constructor(element, options) {
    this.#element = element;
    this.#options = options;
    this.#environment = options.environment ?? "";
    this.#active = options.at ?? 0;
    this.#chosen = options.chosen ? this.#active : -1;
    this.#windows = new Windows(options.load, (failed, changed) => this.#arrived(failed, changed));
  }

  /** The row that the keyboard is at. */
  get active() {
    return this.#active;
  }

  /** Load the first window and take the place of what the element held. Rejects as `load` does. */
  async start() {
    await this.#windows.begin(this.#active);
    this.#parts = buildParts(this.#options.label ?? "Commits");
    this.#element.replaceChildren(...this.#parts.all);
    this.#element.classList.add("graph");
    this.#listen();
    this.#listEnvironments();
    this.#measure();
    this.goTo(this.#active);
  }

  /** Move to a row and bring it into view. */
  goTo(index, { centre = false } = {}) {
    this.#active = Math.max(0, Math.min(this.#windows.total - 1, index));
    const { view } = this.#parts;
    const top = this.#active * this.#metrics.row;
    const bottom = top + this.#metrics.row;
    if (centre && (top < view.scrollTop || bottom > view.scrollTop + view.clientHeight)) {
      view.scrollTop = top - (view.clientHeight - this.#metrics.row) / 2;
    } else if (top < view.scrollTop) {
      view.scrollTop = top;
    } else if (bottom > view.scrollTop + view.clientHeight) {
      view.scrollTop = bottom - view.clientHeight;
    }
    this.#render();
  }

  /** Shade what is not in this environment. */
  setEnvironment(name) {
    this.#environment = name;
    this.#parts.environment.value = name;
    this.#redraw();
  }

  /** Ask for all rows anew, after a deploy or a push. Cursor and choice stay at their commits. */
  async refresh() {
    const before = this.#windows.identity;
    const [active, chosen] = [this.#active, this.#chosen].map((index) => this.#windows.row(index)?.sha);
    await this.#windows.begin(this.#active);
    const { view } = this.#parts;
    let moved = 0;
    if (before !== this.#windows.identity) {
      const find = async (text) => (text ? this.#options.find(text) : []);
      const [actives, chosens, found] = await Promise.all([active, chosen, this.#found.text].map(find));
      moved = (actives[0] ?? this.#active) - this.#active;
      this.#active += moved;
      this.#chosen = chosens[0] ?? -1;
      this.#found = { ...this.#found, rows: found, at: found.length ? 0 : -1 };
    }
    this.#arrived(false, true);
    // Who looks at the newest commits sees those that came.
    if (view.scrollTop > 0) view.scrollTop += moved * this.#metrics.row;
  }

  /** Put the cursor into the search field. */
  focusSearch() {
    this.#parts.search.focus();
    this.#parts.search.select();
  }

  /** Let go of everything; the element stays empty. */
  destroy() {
    this.#ended.abort();
    this.#resizes.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#settling);
    clearTimeout(this.#typing);
    this.#element.replaceChildren();
  }

  #listen() {
    const { signal } = this.#ended;
    const { view, list, search, environment, retry, next, previous } = this.#parts;
    view.addEventListener("scroll", () => this.#later(), { passive: true, signal });
    list.addEventListener("click", (event) => this.#click(event), { signal });
    list.addEventListener("focus", () => this.#redraw(), { signal });
    list.addEventListener("blur", () => this.#redraw(), { signal });
    this.#element.addEventListener("keydown", (event) => this.#key(event), { signal });
    search.addEventListener("input", () => this.#type(), { signal });
    environment.addEventListener("change", () => this.setEnvironment(environment.value), { signal });
    retry.addEventListener("click", () => this.#retry(), { signal });
    next.addEventListener("click", () => this.#step(1), { signal });
    previous.addEventListener("click", () => this.#step(-1), { signal });
    for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.#repaint(), { signal });
    }
    this.#resizes = new ResizeObserver(() => this.#measure());
    this.#resizes.observe(view);
    // A face may set its theme by an attribute of the root.
    const themes = new MutationObserver(() => this.#repaint());
    themes.observe(document.documentElement, { attributes: true });
    signal.addEventListener("abort", () => themes.disconnect());
  }

  #arrived(failed, changed) {
    if (this.#ended.signal.aborted) return;
    this.#parts.trouble.hidden = !failed;
    if (changed) {
      this.#listEnvironments();
      this.#measure();
    }
    this.#redraw();
  }

  #listEnvironments() {
    const { environment, keys, shade } = this.#parts;
    const names = this.#windows.environments.map(({ name }) => name);
    if (!names.includes(this.#environment)) this.#environment = names.at(-1) ?? "";
    environment.replaceChildren(...names.map((name) => new Option(name, name)));
    environment.value = this.#environment;
    keys.hidden = shade.hidden = names.length === 0;
    this.#parts.empty.hidden = this.#windows.total > 0;
  }

  #measure() {
    const { view, sizer, canvas } = this.#parts;
    const width = view.clientWidth;
    const narrow = width < NARROW_PX;
    this.#element.classList.toggle("graph-narrow", narrow);
    const row = parseFloat(getComputedStyle(this.#element).getPropertyValue("--graph-row")) || 34;
    const widest = narrow ? Math.min(104, width * 0.24) : Math.min(300, width * 0.24);
    const gap = Math.max(narrow ? 8 : 9, Math.min(narrow ? 13 : 17, widest / this.#windows.lanes));
    const columns = Math.max(1, Math.min(this.#windows.lanes, Math.floor(widest / gap)));
    const top = this.#metrics.row ? view.scrollTop / this.#metrics.row : 0;
    this.#metrics = { row, gap, columns, gutter: Math.ceil(columns * gap + gap + 6) };
    this.#element.style.setProperty("--graph-gutter", `${this.#metrics.gutter}px`);
    sizer.style.height = `${this.#windows.total * row}px`;
    canvas.style.width = `${this.#metrics.gutter}px`;
    view.scrollTop = top * row;
    this.#repaint();
  }

  #repaint() {
    this.#theme = null;
    this.#redraw();
  }

  #redraw() {
    this.#drawn.key = "";
    this.#later();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  #render() {
    const { view, list } = this.#parts;
    const { row } = this.#metrics;
    const from = Math.floor(view.scrollTop / row);
    const to = Math.ceil((view.scrollTop + view.clientHeight) / row);
    const end = this.#windows.total - 1;
    const first = Math.max(0, from - OVERSCAN_ROWS);
    const last = Math.min(end, to + OVERSCAN_ROWS);
    const inside = this.#drawn.first <= Math.max(0, from) && this.#drawn.last >= Math.min(end, to);
    const key = `${this.#windows.identity} ${this.#active} ${this.#chosen}`;
    if (inside && this.#drawn.key === key) return;
    this.#drawn = { first, last, key };
    for (const [index, option] of this.#pool) {
      if (index < first || index > last) {
        this.#pool.delete(index);
        option.hidden = true;
        this.#spare.push(option);
      }
    }
    for (let index = first; index <= last; index++) this.#show(index);
    const active = this.#pool.get(this.#active);
    if (active) list.setAttribute("aria-activedescendant", active.id);
    else list.removeAttribute("aria-activedescendant");
    this.#paint(first, last);
    this.#want();
  }

  #show(index) {
    let option = this.#pool.get(index);
    if (!option) {
      option = this.#spare.pop() ?? this.#parts.list.appendChild(makeRow());
      option.hidden = false;
      this.#pool.set(index, option);
    }
    const row = this.#windows.row(index);
    option.style.transform = `translateY(${index * this.#metrics.row}px)`;
    option.setAttribute("aria-posinset", index + 1);
    option.setAttribute("aria-setsize", this.#windows.total);
    option.setAttribute("aria-selected", index === this.#chosen);
    option.dataset.index = index;
    option.classList.toggle("graph-active", index === this.#active);
    option.classList.toggle("graph-match", this.#isFound(index));
    const shade = Boolean(row && this.#environment && !row.shipped.includes(this.#environment));
    option.classList.toggle("graph-undeployed", shade);
    fillRow(option, row, this.#found.text);
    option.setAttribute("aria-label", row ? describeRow(row, this.#environment) : "Loading");
  }

  #paint(first, last) {
    const { canvas, list } = this.#parts;
    const { gutter, row } = this.#metrics;
    const scale = window.devicePixelRatio || 1;
    const height = Math.max(0, last - first + 1) * row;
    const pixels = [Math.round(gutter * scale), Math.round(height * scale)];
    if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
    canvas.style.height = `${height}px`;
    canvas.style.transform = `translateY(${first * row}px)`;
    const context = canvas.getContext("2d");
    if (!context) return;
    this.#theme ??= readTheme(this.#parts.probe);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    drawLanes(context, {
      first,
      last,
      row: (index) => this.#windows.row(index),
      metrics: this.#metrics,
      theme: this.#theme,
      environment: this.#environment,
      active: document.activeElement === list ? this.#active : -1,
      chosen: this.#chosen,
    });
  }

  /** Load what is missing a moment later, so that rows which only fly by are never asked for. */
  #want() {
    this.#settling ||= setTimeout(() => {
      this.#settling = 0;
      const { first, last } = this.#drawn;
      // The row above the first is needed for the lines that come from it.
      this.#windows.need(Math.max(0, first - 1), Math.max(0, last));
    }, SETTLE_MS);
  }

  #retry() {
    this.#parts.trouble.hidden = true;
    this.#windows.forgetFailures();
    this.#redraw();
  }

  #click(event) {
    const option = event.target.closest("[role=option]");
    if (!option) return;
    this.#active = Number(option.dataset.index);
    this.#choose();
  }

  #choose() {
    const row = this.#windows.row(this.#active);
    if (!row) return;
    this.#chosen = this.#active;
    this.#redraw();
    this.#options.select(row, this.#active);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const done = event.target === this.#parts.search ? this.#keyInSearch(event) : this.#keyInList(event);
    if (done) event.preventDefault();
  }

  #keyInSearch(event) {
    if (event.key === "Enter") this.#step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" || event.key === "ArrowDown") this.#parts.list.focus({ preventScroll: true });
    else return false;
    return true;
  }

  #keyInList(event) {
    if (event.key === "/") {
      this.focusSearch();
      return true;
    }
    if (event.target !== this.#parts.list) return false;
    const page = Math.max(1, Math.floor(this.#parts.view.clientHeight / this.#metrics.row) - 1);
    const { total } = this.#windows;
    const moves = { ArrowUp: -1, ArrowDown: 1, k: -1, j: 1, PageUp: -page, PageDown: page, Home: -total, End: total };
    if (event.key in moves) this.goTo(this.#active + moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.#choose();
    else if (event.key === "]" || event.key === "[") this.#toEnvironment(event.key === "]");
    else if (event.key === "n" || event.key === "N") this.#step(event.key === "n" ? 1 : -1);
    else return false;
    return true;
  }

  #toEnvironment(down) {
    const rows = this.#windows.environments.map(({ row }) => row).filter((row) => row !== null);
    const beyond = rows.filter((row) => (down ? row > this.#active : row < this.#active));
    if (beyond.length) this.goTo(down ? Math.min(...beyond) : Math.max(...beyond), { centre: true });
  }

  #type() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#find(), TYPING_MS);
  }

  async #find() {
    const text = this.#parts.search.value.trim();
    let rows = [];
    try {
      rows = text ? await this.#options.find(text) : [];
    } catch {
      this.#parts.trouble.hidden = false;
    }
    if (this.#ended.signal.aborted || text !== this.#parts.search.value.trim()) return;
    const at = rows.findIndex((row) => row >= this.#active);
    this.#found = { text, rows, at: rows.length ? Math.max(0, at) : -1 };
    this.#showFound();
  }

  #step(by) {
    const { rows, at } = this.#found;
    if (!rows.length) return;
    this.#found.at = (at + by + rows.length) % rows.length;
    this.#showFound();
  }

  #showFound() {
    const { text, rows, at } = this.#found;
    const { count, next, previous } = this.#parts;
    count.textContent = !text ? "" : rows.length ? `${at + 1} of ${rows.length.toLocaleString()}${rows.length === FOUND_LIMIT ? "+" : ""}` : "no commit";
    next.disabled = previous.disabled = rows.length < 2;
    this.#drawn.key = "";
    if (rows.length) this.goTo(rows[at], { centre: true });
    else this.#redraw();
  }

  /** Whether a row is among those found, which are in order. */
  #isFound(index) {
    const { rows } = this.#found;
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle] < index) low = middle + 1;
      else high = middle;
    }
    return rows[low] === index;
  }
}
