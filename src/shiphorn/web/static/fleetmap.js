// The fleet map: all hosts of a deploy on one canvas, a cell each, by region, zone and role.

import { STATES, arrange, between, colours, drawState, sprites } from "./fleetcells.js";
import { matches, parseFilter } from "./fleetfilter.js";

export { STATES, matches, parseFilter };

const LOUD = new Set(["failed", "broken", "unknown"]);
const TOLD_EVERY_MS = 4000;
const TABLE_EVERY_MS = 2000;
const NAMED = 20;

/** The bytes of a snapshot that came as base64. */
export function decodeStates(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/**
 * Puts a fleet map into an element.
 * @param {HTMLElement} element
 * @param {object} layout as `service.fleetmap.layout` makes it
 * @param {{onPick?: (host: object) => void, onFilter?: (text: string) => void}} options `onPick` gets the
 *   host that was clicked, or chosen with Enter: {position, name, region, zone, roles, state}; with
 *   `onFilter` the legend's entries are buttons, which hand it the filter for their state
 * @returns {{set: Function, apply: Function, filter: Function, resize: Function, inspect: Function,
 *   destroy: Function}}
 */
export function mountFleetMap(element, layout, { onPick = () => {}, onFilter } = {}) {
  return new FleetMap(element, layout, onPick, onFilter).api();
}

class FleetMap {
  constructor(element, layout, onPick, onFilter) {
    this.layout = layout;
    this.onPick = onPick;
    this.hosts = hostsOf(layout);
    const cells = layout.hosts;
    this.states = new Uint8Array(cells);
    this.dimmed = new Uint8Array(cells);
    this.dirty = new Uint8Array(cells);
    this.queue = [];
    this.x = new Float64Array(cells);
    this.y = new Float64Array(cells);
    this.counts = new Array(STATES.length).fill(0);
    this.counts[0] = cells;
    this.terms = [];
    this.cursor = -1;
    this.frames = 0;
    this.drawn = 0;
    this.frame = 0;
    this.timers = new Map();
    this.build(element, onFilter);
    this.watch();
    this.resize();
    this.tell();
    this.fillTable();
  }

  api() {
    return {
      /** Sets the state of every host: a byte each, by position. */
      set: (bytes) => this.set(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)),
      /** Sets the states of some hosts: [position, code] pairs. */
      apply: (deltas) => this.apply(deltas),
      /** Dims all hosts that a filter does not ask for. Gives {shown, problems}. */
      filter: (text) => this.filter(text),
      /** Arranges the cells anew, in the width that the element has. */
      resize: () => this.resize(),
      /** How the map stands, for tests and the curious. */
      inspect: () => this.inspect(),
      /** Takes the map away. */
      destroy: () => this.destroy(),
    };
  }

  build(element, onFilter) {
    this.root = make("div", "fleet-map");
    this.legend = make("ul", "fleet-legend");
    this.legend.setAttribute("aria-label", "Hosts by state");
    this.keys = STATES.map((state) => this.legendEntry(state, onFilter));
    this.field = make("div", "fleet-field");
    this.canvas = make("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    const keys = "Arrow keys move, Enter opens a host.";
    this.canvas.setAttribute("aria-label", `Fleet map, ${this.layout.hosts} hosts. ${keys}`);
    this.ring = make("div", "fleet-cursor");
    this.tip = make("div", "fleet-tip");
    this.ring.hidden = this.tip.hidden = true;
    this.tip.setAttribute("aria-hidden", "true");
    this.summary = status();
    this.spoken = status();
    this.table = make("table");
    const hidden = make("div", "fleet-hidden");
    hidden.append(this.table);
    this.field.append(this.canvas, this.ring, this.tip);
    this.root.append(this.legend, this.field, this.summary, this.spoken, hidden);
    element.append(this.root);
    this.context = this.canvas.getContext("2d", { alpha: false });
  }

  legendEntry(state, onFilter) {
    const item = make("li");
    const key = make(onFilter ? "button" : "span", "fleet-key");
    const swatch = make("canvas");
    swatch.setAttribute("aria-hidden", "true");
    const count = make("b");
    key.append(swatch, state, count);
    if (onFilter) {
      key.type = "button";
      key.title = `Show hosts that are ${state}`;
      key.addEventListener("click", () => onFilter(`state:${state}`));
    }
    item.append(key);
    this.legend.append(item);
    return { key, swatch, count };
  }

  watch() {
    const signal = (this.ending = new AbortController()).signal;
    const listen = (target, type, act) => target.addEventListener(type, act, { signal });
    listen(this.canvas, "pointermove", (event) => this.hover(event));
    listen(this.canvas, "pointerleave", () => this.showTip(this.focused() ? this.cursor : -1));
    listen(this.canvas, "click", (event) => this.click(event));
    listen(this.canvas, "keydown", (event) => this.press(event));
    // A click brings its own cell: only the keyboard goes back to the one before.
    listen(this.canvas, "focus", () => this.canvas.matches(":focus-visible") && this.moveTo(this.cursor, true));
    listen(this.canvas, "blur", () => this.moveTo(-1, false));
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    listen(this.scheme, "change", () => this.repaint());
    this.sizes = new ResizeObserver(() => {
      if (this.field.clientWidth !== this.width || devicePixelRatio !== this.ratio) this.resize();
    });
    this.sizes.observe(this.field);
    listen(window, "resize", () => devicePixelRatio !== this.ratio && this.resize());
    this.theme = new MutationObserver(() => this.repaint());
    this.theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "class"] });
  }

  destroy() {
    this.ending.abort();
    this.sizes.disconnect();
    this.theme.disconnect();
    cancelAnimationFrame(this.frame);
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.root.remove();
  }

  set(bytes) {
    for (let position = 0; position < this.states.length && position < bytes.length; position++) {
      this.change(position, bytes[position]);
    }
    this.changed();
  }

  apply(deltas) {
    for (const [position, code] of deltas) {
      if (position < this.states.length) this.change(position, code);
    }
    this.changed();
  }

  change(position, code) {
    const old = this.states[position];
    if (old === code || code >= STATES.length) return;
    this.states[position] = code;
    this.counts[old]--;
    this.counts[code]++;
    if (this.byState) this.dim(position);
    this.mark(position);
  }

  changed() {
    this.request();
    this.later("tell", TOLD_EVERY_MS, () => this.tell());
    this.later("table", TABLE_EVERY_MS, () => this.fillTable());
  }

  filter(text) {
    const { terms, problems } = parseFilter(text);
    this.terms = terms;
    this.byState = terms.some((term) => term.key === "state");
    let shown = 0;
    for (let position = 0; position < this.states.length; position++) {
      this.dim(position);
      shown += 1 - this.dimmed[position];
    }
    this.request();
    return { shown, problems };
  }

  dim(position) {
    const host = this.hosts[position];
    const wanted = host === undefined || this.terms.length === 0 || matches(this.terms, this.facts(position));
    if (this.dimmed[position] !== Number(!wanted)) {
      this.dimmed[position] = Number(!wanted);
      this.mark(position);
    }
  }

  facts(position) {
    return { ...this.hosts[position], state: STATES[this.states[position]] };
  }

  mark(position) {
    if (this.dirty[position]) return;
    this.dirty[position] = 1;
    this.queue.push(position);
  }

  request() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    this.frames++;
    let top = Infinity;
    let bottom = 0;
    for (const position of this.queue) {
      this.dirty[position] = 0;
      this.copy(position);
      top = Math.min(top, this.y[position]);
      bottom = Math.max(bottom, this.y[position]);
    }
    if (top < Infinity) {
      this.context.putImageData(this.image, 0, 0, 0, top, this.canvas.width, bottom - top + this.size);
    }
    this.drawn += this.queue.length;
    this.queue.length = 0;
    this.showCounts();
    if (!this.tip.hidden) this.fillTip();
  }

  /** Copies a cell into the picture. Pixels in memory: to draw thousands of small images is ten times slower. */
  copy(position) {
    const { pixels, size, x, y } = this;
    const sprite = this.atlas[this.dimmed[position]][this.states[position]];
    const width = this.canvas.width;
    let to = y[position] * width + x[position];
    for (let from = 0; from < sprite.length; to += width - size) {
      for (const end = from + size; from < end; ) pixels[to++] = sprite[from++];
    }
  }

  resize() {
    this.ratio = devicePixelRatio || 1;
    this.width = this.field.clientWidth;
    if (!this.width) return;
    const height = Math.max(320, innerHeight * 0.75);
    const made = arrange(this.layout, this.width, height, this.ratio);
    this.blocks = made.blocks;
    this.made = made;
    this.pitch = made.pitch;
    this.size = Math.round(made.pitch * this.ratio);
    for (const block of made.blocks) {
      block.hosts.forEach(([position], place) => {
        this.x[position] = Math.round((block.x + (place % block.columns) * made.pitch) * this.ratio);
        this.y[position] = Math.round((block.y + Math.floor(place / block.columns) * made.pitch) * this.ratio);
      });
    }
    this.canvas.width = Math.round(made.width * this.ratio);
    this.canvas.height = Math.round(made.height * this.ratio);
    this.canvas.style.width = `${made.width}px`;
    this.canvas.style.height = `${made.height}px`;
    this.repaint();
    this.moveTo(this.focused() ? this.cursor : -1, false);
  }

  repaint() {
    if (!this.made) return;
    const palette = colours(this.root);
    const { context, made, ratio } = this;
    this.atlas = sprites(palette, this.size);
    this.keys.forEach(({ swatch }, code) => paintSwatch(swatch, code, palette, ratio, ground(this.root)));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = ground(this.root);
    context.fillRect(0, 0, made.width, made.height);
    context.fillStyle = palette.panel;
    for (const panel of made.panels) {
      context.beginPath();
      context.roundRect(panel.x, panel.y, panel.width, panel.height, 8);
      context.fill();
    }
    this.paintLabels(palette);
    context.setTransform(1, 0, 0, 1, 0, 0);
    this.image = context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.queue.length = 0;
    for (const { hosts } of this.blocks) for (const [position] of hosts) this.queue.push(position);
    if (this.frame) cancelAnimationFrame(this.frame);
    this.draw();
  }

  paintLabels(palette) {
    const { context } = this;
    const family = getComputedStyle(this.root).fontFamily;
    const fonts = { region: `600 14px ${family}`, zone: `600 11px ${family}`, role: `11px ${family}` };
    for (const label of this.made.labels) {
      context.font = fonts[label.kind];
      context.fillStyle = label.kind === "role" ? palette.muted : palette.text;
      const text = shortened(context, label.text, label.width);
      context.fillText(text, label.x, label.y);
      if (label.note) {
        const after = label.x + context.measureText(text).width + 8;
        context.font = `12px ${family}`;
        context.fillStyle = palette.muted;
        context.fillText(label.note, after, label.y);
      }
    }
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    for (const block of this.blocks) {
      const column = Math.floor((x - block.x) / this.pitch);
      const row = Math.floor((y - block.y) / this.pitch);
      if (column < 0 || column >= block.columns || row < 0) continue;
      const found = block.hosts[row * block.columns + column];
      if (found) return found[0];
    }
    return -1;
  }

  hover(event) {
    const position = this.at(event);
    this.canvas.style.cursor = position < 0 ? "" : "pointer";
    if (position !== this.tipAt) this.showTip(position);
  }

  click(event) {
    const position = this.at(event);
    if (position < 0) return;
    this.canvas.focus({ preventScroll: true });
    this.moveTo(position, false);
    this.onPick({ position, ...this.facts(position) });
  }

  press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const shown = () => this.order().filter((position) => !this.dimmed[position]);
    if (arrows[event.key]) this.moveTo(this.cursor < 0 ? shown()[0] : this.next(...arrows[event.key]), true);
    else if (event.key === "Home") this.moveTo(shown()[0], true);
    else if (event.key === "End") this.moveTo(shown().at(-1), true);
    else if (event.key === "Escape" && this.cursor >= 0) this.moveTo(-1, false);
    else if ((event.key === "Enter" || event.key === " ") && this.cursor >= 0) {
      this.onPick({ position: this.cursor, ...this.facts(this.cursor) });
    } else return;
    event.preventDefault();
  }

  order() {
    return this.blocks.flatMap(({ hosts }) => hosts.map(([position]) => position));
  }

  /** The nearest cell in a direction, those straight ahead before all others. */
  next(right, down) {
    let best = this.cursor;
    let least = Infinity;
    for (const position of this.order()) {
      if (this.dimmed[position]) continue;
      const x = this.x[position] - this.x[this.cursor];
      const y = this.y[position] - this.y[this.cursor];
      const ahead = right ? x * right : y * down;
      const aside = Math.abs(right ? y : x);
      if (ahead > 0 && ahead + aside * 4 < least) {
        least = ahead + aside * 4;
        best = position;
      }
    }
    return best;
  }

  moveTo(position, speak) {
    const found = position !== undefined && position >= 0;
    this.ring.hidden = !found;
    if (found || !this.focused()) this.cursor = found ? position : this.cursor;
    else this.cursor = -1;
    this.showTip(found ? position : -1);
    if (!found) return;
    const side = this.pitch - between(this.size) / this.ratio;
    const { style } = this.ring;
    style.width = style.height = `${side + 2}px`;
    style.transform = `translate(${this.x[position] / this.ratio - 3}px, ${this.y[position] / this.ratio - 3}px)`;
    if (speak) {
      this.ring.scrollIntoView({ block: "nearest", inline: "nearest" });
      const { name, state, region, zone, roles } = this.facts(position);
      this.spoken.textContent = [name, state, region, zone, ...roles].filter(Boolean).join(", ");
    }
  }

  focused() {
    return document.activeElement === this.canvas;
  }

  showTip(position) {
    this.tipAt = position;
    this.tip.hidden = position < 0;
    if (position < 0) return;
    this.fillTip();
    const x = this.x[position] / this.ratio;
    const y = this.y[position] / this.ratio;
    const left = Math.max(0, Math.min(x + this.pitch + 6, this.width - this.tip.offsetWidth));
    const above = y - this.tip.offsetHeight - 8;
    const top = above < 0 ? y + this.pitch + 8 : above;
    this.tip.style.transform = `translate(${left}px, ${top}px)`;
  }

  fillTip() {
    const { name, state, region, zone, roles } = this.facts(this.tipAt);
    const title = make("b");
    const where = make("span");
    title.textContent = name;
    where.textContent = [region, zone, roles.join(", ")].filter(Boolean).join(" · ");
    this.tip.replaceChildren(title, state, document.createElement("br"), where);
  }

  showCounts() {
    this.keys.forEach(({ key, count }, code) => {
      const text = this.counts[code].toLocaleString("en");
      if (count.textContent !== text) count.textContent = text;
      key.classList.toggle("fleet-none", this.counts[code] === 0);
    });
  }

  later(name, wait, act) {
    if (this.timers.has(name)) return;
    const run = () => {
      this.timers.delete(name);
      act();
    };
    this.timers.set(name, setTimeout(run, wait));
  }

  tell() {
    const parts = STATES.map((state, code) => this.counts[code] && `${this.counts[code].toLocaleString("en")} ${state}`);
    const text = `${this.layout.hosts.toLocaleString("en")} hosts: ${parts.filter(Boolean).join(", ")}.`;
    if (this.summary.textContent !== text) this.summary.textContent = text;
  }

  fillTable() {
    const caption = make("caption");
    caption.textContent = "Hosts by group";
    const rows = [tableRow("th", ["Group", "Hosts", "Failed"])];
    for (const block of this.blocks ?? []) {
      const counts = new Map();
      const failed = [];
      for (const [position, name] of block.hosts) {
        const state = STATES[this.states[position]];
        counts.set(state, (counts.get(state) ?? 0) + 1);
        if (LOUD.has(state)) failed.push(`${name} ${state}`);
      }
      const more = failed.length > NAMED ? [`and ${failed.length - NAMED} more`] : [];
      const group = [block.region, block.zone, block.role].filter(Boolean).join(", ");
      const told = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
      rows.push(tableRow("td", [group, told, [...failed.slice(0, NAMED), ...more].join(", ")]));
    }
    this.table.replaceChildren(caption, ...rows);
  }

  inspect() {
    return {
      states: Array.from(this.states, (code) => STATES[code]),
      dimmed: Array.from(this.dimmed, Boolean),
      counts: Object.fromEntries(STATES.map((state, code) => [state, this.counts[code]])),
      cursor: this.cursor,
      frames: this.frames,
      drawn: this.drawn,
      waiting: this.queue.length,
      pitch: this.pitch,
      cell: (position) => ({
        x: this.x[position] / this.ratio,
        y: this.y[position] / this.ratio,
        side: this.pitch,
      }),
    };
  }
}

function hostsOf(layout) {
  const hosts = new Array(layout.hosts);
  for (const region of layout.regions) {
    for (const zone of region.zones) {
      for (const role of zone.roles) {
        for (const [position, name, roles] of role.hosts) {
          hosts[position] = { name, region: region.name, zone: zone.name, roles: roles ?? [role.name].filter(Boolean) };
        }
      }
    }
  }
  return hosts;
}

function make(tag, name) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  return made;
}

function status() {
  const made = make("div", "fleet-hidden");
  made.setAttribute("role", "status");
  return made;
}

function tableRow(tag, texts) {
  const row = make("tr");
  row.append(
    ...texts.map((text) => {
      const cell = make(tag);
      if (tag === "th") cell.scope = "col";
      cell.textContent = text;
      return cell;
    }),
  );
  return row;
}

function paintSwatch(canvas, code, palette, ratio, behind) {
  const size = Math.round(14 * ratio);
  canvas.width = canvas.height = size;
  drawState(canvas.getContext("2d"), STATES[code], palette.states[code], behind, size);
}

/** The colour behind an element: that of the nearest one around it that has any. */
function ground(element) {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (colour && !/^(transparent|rgba\(.*, 0\))$/.test(colour)) return colour;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#fff";
}

function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let kept = text;
  while (kept && context.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}
