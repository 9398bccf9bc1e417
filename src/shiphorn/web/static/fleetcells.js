// The cells of the fleet map: where each stands, and how each state is drawn.

/** The states by their byte, in the order of `HostState` on the server. */
export const STATES = [
  "waiting",
  "probed",
  "staged",
  "armed",
  "flipped",
  "restarted",
  "done",
  "failed",
  "broken",
  "unknown",
  "removed",
  "reverted",
];

const FALLBACK = "#8a97a5";
const SIZES = [22, 20, 18, 16, 14, 13, 12, 11, 10, 9, 8];
const PAD = 10;
const GAP = 8;
const REGION_HEIGHT = 30;
const LABEL_HEIGHT = 18;
const ZONE_WIDTH_LEAST = 168;
const HEADINGS_MAY_ADD = 240;

/**
 * Where everything stands in a field that is so wide: the largest cells with which it is not too high.
 * @param {object} layout as the server gives it: regions > zones > roles > hosts
 * @param {number} width CSS pixels
 * @param {number} height CSS pixels that the field should not exceed
 * @param {number} ratio device pixels a CSS pixel; cells stand on whole device pixels
 */
export function arrange(layout, width, height, ratio) {
  const of = (size) => arranged(layout, width, Math.round(size * ratio) / ratio, ratio);
  // Where headings alone take up the height, cells need not be small for it.
  const highest = Math.max(height, of(SIZES.at(-1)).height + HEADINGS_MAY_ADD);
  for (const size of SIZES) {
    const made = of(size);
    if (made.height <= highest) return made;
  }
  return of(SIZES.at(-1));
}

function arranged(layout, width, pitch, ratio) {
  const whole = (value) => Math.round(value * ratio) / ratio;
  const blocks = [];
  const labels = [];
  const panels = [];
  let y = 0;
  for (const region of layout.regions) {
    const count = sum(region.zones, (zone) => sum(zone.roles, (role) => role.hosts.length));
    const note = count.toLocaleString("en");
    labels.push({ text: region.name, note, x: 0, y: y + 19, kind: "region", width });
    y += REGION_HEIGHT;
    const most = Math.min(region.zones.length, Math.floor((width + GAP) / (ZONE_WIDTH_LEAST + GAP)));
    // Fewer columns may be lower: three zones in two columns leave a hole.
    const tries = [most, Math.ceil(most / 2)].map((columns) => zonesAt(region, Math.max(1, columns), y));
    const best = tries[1].bottom < tries[0].bottom ? tries[1] : tries[0];
    blocks.push(...best.blocks);
    labels.push(...best.labels);
    panels.push(...best.panels);
    y = best.bottom + GAP / 2;
  }
  return { blocks, labels, panels, pitch, width, height: Math.ceil(y) };

  function zonesAt(region, columns, top) {
    const placed = { blocks: [], labels: [], panels: [], bottom: top };
    const zoneWidth = whole((width - GAP * (columns - 1)) / columns);
    for (let first = 0; first < region.zones.length; first += columns) {
      const start = placed.bottom;
      const row = region.zones.slice(first, first + columns).map((zone, column) => {
        const x = whole(column * (zoneWidth + GAP));
        return { x, bottom: zoneAt(placed, region, zone, x, start, zoneWidth) };
      });
      const bottom = Math.max(...row.map((one) => one.bottom));
      placed.panels.push(...row.map(({ x }) => ({ x, y: start, width: zoneWidth, height: bottom - start })));
      placed.bottom = bottom + GAP;
    }
    return placed;
  }

  function zoneAt(placed, region, zone, x, top, zoneWidth) {
    const inner = zoneWidth - 2 * PAD;
    let at = top + PAD;
    if (zone.name) {
      placed.labels.push({ text: zone.name, x: x + PAD, y: at + 10, kind: "zone", width: inner });
      at += LABEL_HEIGHT;
    }
    const columns = Math.max(1, Math.floor(inner / pitch));
    for (const role of zone.roles) {
      if (role.name) {
        placed.labels.push({ text: role.name, x: x + PAD, y: at + 9, kind: "role", width: inner });
        at += LABEL_HEIGHT - 3;
      }
      at = whole(at);
      const names = { region: region.name, zone: zone.name, role: role.name };
      placed.blocks.push({ ...names, hosts: role.hosts, x: whole(x + PAD), y: at, columns });
      at += Math.ceil(role.hosts.length / columns) * pitch + 6;
    }
    return whole(at + PAD - 6);
  }
}

function sum(list, of) {
  return list.reduce((total, one) => total + of(one), 0);
}

/** The colours that the style sheets give to an element, by short names; `states` in their order. */
export function colours(element) {
  const style = getComputedStyle(element);
  const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  return {
    states: STATES.map((state) => read(`--state-${state}`, FALLBACK)),
    panel: read("--fleet-panel", "#f3f5f8"),
    text: read("--fleet-text", "#1d2733"),
    muted: read("--fleet-muted", "#566474"),
  };
}

/**
 * The pixels of all cells, each on the colour of the panel: those as they are, and those dimmed, by code.
 * @param {number} size device pixels from a cell to the next
 * @returns {Uint32Array[][]} RGBA as canvases have it, row by row
 */
export function sprites(palette, size) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return [1, 0.2].map((alpha) =>
    STATES.map((state, code) => {
      context.globalAlpha = 1;
      context.fillStyle = palette.panel;
      context.fillRect(0, 0, size, size);
      context.globalAlpha = alpha;
      drawState(context, state, palette.states[code], palette.panel, size - between(size));
      return new Uint32Array(context.getImageData(0, 0, size, size).data.buffer);
    }),
  );
}

/** Device pixels between two cells. */
export function between(size) {
  return Math.max(1, Math.round(size / 8));
}

/** Draw the cell of a state into a square at the origin: a colour, and a form for who cannot tell colours. */
export function drawState(context, state, colour, ground, size) {
  const line = Math.max(1, Math.round(size / 7));
  const middle = size / 2;
  const outline = () => {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(line / 2, line / 2, size - line, size - line);
  };
  const cut = (...strokes) => {
    context.strokeStyle = ground;
    context.lineWidth = Math.max(1, size / 6);
    context.lineCap = "square";
    context.beginPath();
    for (const [x, y, toX, toY] of strokes) {
      context.moveTo(x * size, y * size);
      context.lineTo(toX * size, toY * size);
    }
    context.stroke();
  };
  // Along the pixels: a line between two of them would be a blur.
  const bar = Math.max(1, Math.round(size / 6));
  const start = Math.floor((size - bar) / 2);
  const across = () => context.fillRect(0, start, size, bar);
  const upright = () => context.fillRect(start, 0, bar, size);
  context.fillStyle = colour;
  switch (state) {
    case "waiting":
      outline();
      return;
    case "probed": {
      outline();
      const dot = Math.max(2, Math.round(size / 3.5));
      context.fillRect(Math.round(middle - dot / 2), Math.round(middle - dot / 2), dot, dot);
      return;
    }
    case "staged":
      outline();
      context.fillRect(0, Math.round(middle), size, size - Math.round(middle));
      return;
    case "removed":
      outline();
      context.strokeStyle = colour;
      context.lineWidth = line;
      context.beginPath();
      context.moveTo(line, line);
      context.lineTo(size - line, size - line);
      context.stroke();
      return;
    case "reverted":
      context.beginPath();
      context.moveTo(size, 0);
      context.lineTo(0, middle);
      context.lineTo(size, size);
      context.fill();
      return;
    default:
      context.fillRect(0, 0, size, size);
      context.fillStyle = ground;
  }
  switch (state) {
    case "armed": {
      const hole = Math.max(2, Math.round(size / 3));
      context.fillRect(Math.round(middle - hole / 2), Math.round(middle - hole / 2), hole, hole);
      break;
    }
    case "flipped":
      cut([0.1, 0.9, 0.9, 0.1]);
      break;
    case "restarted":
      across();
      break;
    case "failed":
      cut([0.22, 0.22, 0.78, 0.78], [0.22, 0.78, 0.78, 0.22]);
      break;
    case "broken":
      across();
      upright();
      break;
    case "unknown": {
      const half = Math.round(middle);
      context.fillRect(0, 0, half, half);
      context.fillRect(half, half, size - half, size - half);
      break;
    }
  }
}
