// Parts of a page that take the place of those before, while people go on reading, typing and choosing.

/**
 * Puts the parts of an answer, elements with an id that begins with `part-`, in the place of those of the
 * page that differ. What is open stays open, what was typed stays, and so does the focus.
 * @param {HTMLElement} root
 * @param {string} html
 */
export function replaceParts(root, html) {
  const answer = new DOMParser().parseFromString(html, "text/html");
  for (const fresh of answer.querySelectorAll('[id^="part-"]')) {
    const old = root.querySelector(`#${fresh.id}`);
    if (!old || told(old) === told(fresh) || isInUse(old)) continue;
    const kept = keep(old);
    restore(old, document.importNode(fresh, true), kept);
  }
}

/** What a part says, without what changes by itself. */
function told(part) {
  const copy = part.cloneNode(true);
  for (const one of copy.querySelectorAll("time[data-ago], [data-since], [data-until], [data-line], [data-well], .count")) one.textContent = "";
  for (const one of copy.querySelectorAll("progress")) one.removeAttribute("value");
  for (const one of copy.querySelectorAll("details")) one.removeAttribute("open");
  for (const one of copy.querySelectorAll("[data-notify], input[name=key]")) one.remove();
  for (const one of copy.querySelectorAll("[class]")) {
    const names = [...one.classList].filter((name) => !/^htmx-|^here$|^wrong$|^back$/.test(name));
    one.setAttribute("class", names.join(" "));
  }
  return copy.innerHTML.replace(/\s+/g, " ").replace(/ ?class=""/g, "");
}

function isInUse(part) {
  const selection = getSelection();
  return !selection.isCollapsed && part.contains(selection.anchorNode);
}

function keep(old) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  return {
    open: new Map([...old.querySelectorAll("details[data-keep]")].map((one) => [one.dataset.keep, one.open])),
    texts: [...old.querySelectorAll("details[data-keep] input:not([type=hidden])")].map((one) => [keyOf(one), one.name, one.value]),
    focus: focused && { key: keyOf(focused), name: focused.name, tag: focused.tagName, href: focused.getAttribute("href") },
    expanded: [...old.querySelectorAll("details[data-digest]")],
  };
}

const keyOf = (element) => element.closest("details[data-keep]")?.dataset.keep ?? "";

function restore(old, fresh, kept) {
  // What was printed does not change: all its lines stay when they were asked for.
  for (const before of kept.expanded) {
    const same = fresh.querySelector(`details[data-keep="${CSS.escape(before.dataset.keep)}"][data-digest="${before.dataset.digest}"]`);
    same?.replaceWith(before);
  }
  old.replaceChildren(...fresh.childNodes);
  for (const one of old.querySelectorAll("details[data-keep]")) {
    if (kept.open.has(one.dataset.keep)) one.open = kept.open.get(one.dataset.keep);
  }
  for (const [key, name, value] of kept.texts) {
    const input = old.querySelector(`details[data-keep="${CSS.escape(key)}"] input[name="${name}"]`);
    if (input) input.value = value;
  }
  if (kept.focus) {
    const { key, name, tag, href } = kept.focus;
    const alike = [...old.querySelectorAll(tag)].filter((one) => keyOf(one) === key && one.getAttribute("href") === href);
    (alike.find((one) => one.name === name) ?? alike[0])?.focus({ preventScroll: true });
  }
  htmx.process(old);
}
