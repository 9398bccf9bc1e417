/** The lanes of the commit graph, on a canvas. Pure drawing: all that is drawn is handed in. */

const DOT = 4.5;
const MERGE = 3.5;
const STROKE = 2;

/** The middle of a lane. Lanes beyond the last column share it. */
export function laneX(lane, { gap, columns }) {
  return Math.round(gap * (Math.min(lane, columns - 1) + 0.5)) + 7;
}

/**
 * Draw rows `first` to `last`, the first at the top of the canvas.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {object} scene {first, last, row(index), metrics, theme, environment, active, chosen}
 */
export function drawLanes(context, scene) {
  const { first, last, metrics } = scene;
  context.clearRect(0, 0, metrics.gutter, (last - first + 1) * metrics.row);
  context.lineCap = "butt";
  for (let index = first; index <= last; index++) {
    const row = scene.row(index);
    if (row?.environments.length) guide(context, scene, laneX(row.lane, metrics), rowY(scene, index));
  }
  for (let index = Math.max(0, first - 1); index <= last; index++) {
    const row = scene.row(index);
    if (row) drawEdges(context, scene, index, row);
  }
  for (let index = first; index <= last; index++) {
    const row = scene.row(index);
    if (row) drawCommit(context, scene, index, row);
  }
}

/** The middle of a row, from the top of the canvas. */
function rowY(scene, index) {
  return (index - scene.first + 0.5) * scene.metrics.row;
}

/** Lane 0 has a colour of its own; the others take turns. */
function colour(scene, lane) {
  const { lanes } = scene.theme;
  return lane === 0 ? lanes[0] : lanes[1 + ((lane - 1) % (lanes.length - 1))];
}

function drawEdges(context, scene, index, row) {
  const [top, bottom] = [rowY(scene, index), rowY(scene, index + 1)];
  context.lineWidth = STROKE;
  // Those that turn farthest come first, so that near ones lie on top where they share a track.
  const edges = row.edges.toSorted((one, other) => Math.abs(other[0] - other[1]) - Math.abs(one[0] - one[1]));
  const straight = new Set(edges.filter(([from, to]) => from === to).map(([from]) => from));
  for (const [from, to, merge] of edges) {
    context.strokeStyle = colour(scene, Math.max(from, to));
    context.beginPath();
    turn(context, laneX(from, scene.metrics), top, laneX(to, scene.metrics), bottom, merge, straight.has(to));
    context.stroke();
  }
  if (row.cut) {
    const x = laneX(row.lane, scene.metrics);
    context.strokeStyle = colour(scene, row.lane);
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, top + scene.metrics.row / 2);
    context.stroke();
    context.setLineDash([]);
  }
}

/**
 * A line with one rounded corner: a merge turns at its own row, a branch at the commit that it came from.
 * The line of a merge that `meets` one which runs on ends there.
 */
function turn(context, x1, y1, x2, y2, merge, meets) {
  context.moveTo(x1, y1);
  if (x1 === x2) {
    context.lineTo(x2, y2);
    return;
  }
  const radius = Math.min(Math.abs(x2 - x1), (y2 - y1) / 2, 11);
  if (merge) context.arcTo(x2, y1, x2, y2, radius);
  else context.arcTo(x1, y2, x2, y2, radius);
  if (!(merge && meets)) context.lineTo(x2, y2);
}

function drawCommit(context, scene, index, row) {
  const { metrics, theme, environment } = scene;
  const [x, y] = [laneX(row.lane, metrics), rowY(scene, index)];
  const ink = row.bad ? theme.bad : colour(scene, row.lane);
  const shipped = !environment || row.shipped.includes(environment);
  if (index === scene.chosen || index === scene.active) halo(context, scene, x, y, index === scene.chosen);
  const radius = row.parents > 1 && !row.bad ? MERGE : DOT;
  // A rim in the colour of the page keeps the commit apart from the lines that run by.
  disc(context, x, y, radius + 2, theme.panel);
  if (row.environments.length) disc(context, x, y, radius + 1.5, theme.accent);
  disc(context, x, y, radius, ink);
  if (row.bad) cross(context, x, y, theme);
  else if (!shipped) disc(context, x, y, radius - 1.75, theme.panel);
}

function guide(context, scene, x, y) {
  context.strokeStyle = scene.theme.accent;
  context.lineWidth = 1.5;
  context.setLineDash([1.5, 3]);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(scene.metrics.gutter, y);
  context.stroke();
  context.setLineDash([]);
}

function halo(context, scene, x, y, strong) {
  context.globalAlpha = strong ? 0.35 : 0.22;
  disc(context, x, y, DOT + 6, scene.theme.accent);
  context.globalAlpha = 1;
}

function disc(context, x, y, radius, fill) {
  context.fillStyle = fill;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function cross(context, x, y, theme) {
  context.strokeStyle = theme.panel;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const side of [1, -1]) {
    context.moveTo(x - 2, y - 2 * side);
    context.lineTo(x + 2, y + 2 * side);
  }
  context.stroke();
}
