/** The text of a commit in the graph: an option of the list, made once and filled many times. */

const SVG = "http://www.w3.org/2000/svg";
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
// Shapes differ, so that colour is not needed to tell them apart.
const CHECKS = {
  passed: ["Checks passed", "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13ZM7 11.2 3.9 8.1l1.2-1.2L7 8.8l3.9-3.9 1.2 1.2Z"],
  failed: ["Checks failed", "M8 .8 15.2 8 8 15.2.8 8ZM5.2 6.3 6.9 8 5.2 9.7l1.1 1.1L8 9.1l1.7 1.7 1.1-1.1L9.1 8l1.7-1.7-1.1-1.1L8 6.9 6.3 5.2Z"],
  pending: ["Checks are running", "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 1.8a4.2 4.2 0 1 1 0 8.4a4.2 4.2 0 0 1 0-8.4ZM7.2 5v3.4l2.4 1.5.8-1.2-1.7-1V5Z"],
};
const BAD = "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.8c1.2 0 2.3.4 3.2 1.1L3.9 11.2A5.2 5.2 0 0 1 8 2.8Zm0 10.4c-1.2 0-2.3-.4-3.2-1.1l7.3-7.3A5.2 5.2 0 0 1 8 13.2Z";
const TAG = "M2 2h5.6L14 8.4 8.4 14 2 7.6Zm3 1.7a1.3 1.3 0 1 0 0 2.6 1.3 1.3 0 0 0 0-2.6Z";
const BRANCH = "M4.5 1.5a2 2 0 0 0-.8 3.8v5.4a2 2 0 1 0 1.6 0V9.4c.5-.4 1.2-.6 2-.6h1.2a3.6 3.6 0 0 0 3.6-3.5 2 2 0 1 0-1.6 0 2 2 0 0 1-2 1.9H7.3c-.7 0-1.4.1-2 .4V5.3a2 2 0 0 0-.8-3.8Z";
const REFS_SHOWN = 3;

let made = 0;
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const thisYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const otherYears = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** An empty option. */
export function makeRow() {
  const option = document.createElement("div");
  option.className = "graph-row";
  option.id = `graph-row-${(made += 1)}`;
  option.setAttribute("role", "option");
  const main = span("graph-main");
  main.append(span("graph-flags"), span("graph-subject"), span("graph-refs"));
  const meta = span("graph-meta");
  const when = document.createElement("time");
  when.className = "graph-when";
  meta.append(span("graph-check"), span("graph-author"), span("graph-sha"), when);
  option.append(main, meta);
  return option;
}

/** Show a commit in an option, or that it is being loaded. Parts of a subject that match `found` are marked. */
export function fillRow(option, row, found) {
  const [main, meta] = option.children;
  const [flags, subject, refs] = main.children;
  const [check, author, sha, when] = meta.children;
  option.classList.toggle("graph-loading", !row);
  option.classList.toggle("graph-bad", Boolean(row?.bad));
  option.classList.toggle("graph-merge", (row?.parents ?? 0) > 1);
  flags.replaceChildren(...(row?.environments ?? []).map((name) => span("graph-flag", name)));
  if (row?.bad) flags.append(titled(icon("graph-bad-icon", BAD), `Bad: ${row.bad}`));
  subject.replaceChildren(...marked(row?.subject ?? "", found));
  subject.title = row?.bad ? `${row.subject}\nBad: ${row.bad}` : (row?.subject ?? "");
  refs.replaceChildren(...(row ? namesOf(row.refs) : []));
  check.replaceChildren(...(row && CHECKS[row.check] ? [titled(icon(`graph-check-${row.check}`, CHECKS[row.check][1]), CHECKS[row.check][0])] : []));
  author.replaceChildren(...marked(row?.author ?? "", found));
  sha.textContent = row?.sha.slice(0, 8) ?? "";
  when.textContent = row ? age(row.at) : "";
  when.title = row ? exact.format(row.at * 1000) : "";
  when.dateTime = row ? new Date(row.at * 1000).toISOString() : "";
}

/** A commit in one sentence, for screen readers. */
export function describeRow(row, environment) {
  const parts = [row.subject, `by ${row.author}`, age(row.at), row.sha.slice(0, 8)];
  if (row.parents > 1) parts.push("merge");
  if (row.refs.length) parts.push(row.refs.map(({ kind, name }) => `${kind} ${name}`).join(", "));
  if (row.environments.length) parts.push(`live in ${row.environments.join(" and ")}`);
  else if (environment && !row.shipped.includes(environment)) parts.push(`not in ${environment}`);
  if (row.bad) parts.push(`bad: ${row.bad}`);
  if (CHECKS[row.check]) parts.push(CHECKS[row.check][0].toLowerCase());
  return parts.join(", ");
}

/** How long ago, in a word or two; a date after a month. */
export function age(at, now = Date.now() / 1000) {
  const seconds = Math.max(0, now - at);
  if (seconds < MINUTE) return "just now";
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  if (seconds < 2 * DAY) return "yesterday";
  if (seconds < 30 * DAY) return `${Math.floor(seconds / DAY)} days ago`;
  const date = new Date(at * 1000);
  return (date.getFullYear() === new Date(now * 1000).getFullYear() ? thisYear : otherYears).format(date);
}

function namesOf(refs) {
  const shown = refs.slice(0, REFS_SHOWN).map((ref) => {
    const pill = span(`graph-ref graph-ref-${ref.kind}${ref.default ? " graph-ref-default" : ""}`);
    pill.title = `${ref.kind} ${ref.name}`;
    pill.append(icon("graph-ref-icon", ref.kind === "tag" ? TAG : BRANCH), span("graph-ref-name", ref.name));
    return pill;
  });
  if (refs.length > REFS_SHOWN) {
    const more = span("graph-ref graph-ref-more", `+${refs.length - REFS_SHOWN}`);
    more.title = refs.slice(REFS_SHOWN).map(({ name }) => name).join("\n");
    shown.push(more);
  }
  return shown;
}

function marked(text, found) {
  const at = found ? text.toLowerCase().indexOf(found.toLowerCase()) : -1;
  if (at < 0) return [text];
  const mark = document.createElement("mark");
  mark.textContent = text.slice(at, at + found.length);
  return [text.slice(0, at), mark, text.slice(at + found.length)];
}

function icon(name, path) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("class", `graph-icon ${name}`);
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  const shape = picture.appendChild(document.createElementNS(SVG, "path"));
  shape.setAttribute("d", path);
  shape.setAttribute("fill-rule", "evenodd");
  return picture;
}

function titled(picture, words) {
  picture.appendChild(document.createElementNS(SVG, "title")).textContent = words;
  return picture;
}

function span(name, text = "") {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}
