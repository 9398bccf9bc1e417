/** What the commit graph is made of besides its rows: bar, scrolled view, canvas, list, and messages. */

/** The parts that are always there. */
export function buildParts(label) {
  const bar = make("div", "graph-bar");
  const search = make("input", "graph-search", { type: "search", placeholder: "Find a commit, author or branch  /", autocomplete: "off", spellcheck: false });
  search.setAttribute("aria-label", "Find a commit by id, subject, author or branch");
  search.setAttribute("aria-keyshortcuts", "/");
  const count = make("output", "graph-count");
  const previous = make("button", "graph-step", { type: "button", textContent: "↑", title: "Previous match", disabled: true });
  const next = make("button", "graph-step", { type: "button", textContent: "↓", title: "Next match", disabled: true });
  previous.setAttribute("aria-label", "Previous match");
  next.setAttribute("aria-label", "Next match");
  const shade = make("label", "graph-shade", { hidden: true });
  const environment = make("select", "graph-environment");
  shade.append(make("span", "graph-swatch"), make("span", "", { textContent: "not in" }), environment);
  const finder = make("div", "graph-finder");
  finder.append(search, count, previous, next);
  const keys = make("span", "graph-keys", { hidden: true });
  keys.append(make("kbd", "", { textContent: "[" }), " ", make("kbd", "", { textContent: "]" }), " to what is live");
  bar.append(finder, keys, shade);

  const view = make("div", "graph-view");
  const sizer = make("div", "graph-sizer");
  const canvas = make("canvas", "graph-lanes");
  canvas.setAttribute("aria-hidden", "true");
  const list = make("div", "graph-list", { tabIndex: 0 });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", label);
  // A colour read from it is one that a canvas understands, however the style sheet wrote it.
  const probe = make("span", "graph-probe", { hidden: true });
  sizer.append(list, canvas, probe);
  view.append(sizer);

  const empty = make("p", "graph-empty", { textContent: "There is no commit yet. Push one, and it appears here.", hidden: true });
  const trouble = make("p", "graph-trouble", { hidden: true });
  trouble.setAttribute("role", "alert");
  const retry = make("button", "", { type: "button", textContent: "Try again" });
  trouble.append("Some commits could not be loaded. ", retry);
  return { all: [bar, view, empty, trouble], bar, search, count, previous, next, keys, shade, environment, view, sizer, canvas, probe, list, empty, trouble, retry };
}

function make(tag, name, properties = {}) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  return Object.assign(element, properties);
}

/** Colours for the canvas, as the element's style has them at this moment. */
export function readTheme(probe) {
  const of = (name) => {
    probe.style.color = `var(--graph-${name})`;
    return getComputedStyle(probe).color;
  };
  const lanes = Array.from({ length: 8 }, (_, number) => of(`lane-${number + 1}`));
  return { lanes, panel: of("panel"), accent: of("accent"), bad: of("bad") };
}
