// The page that ships: it follows what is pushed, and a form that was sent is not sent again.

import { ask } from "./page.js";

const SOON_MS = 2_500;
const LOOK_AGAIN_MS = 30_000;

const choose = document.getElementById("choose");
const state = `/apps/${encodeURIComponent(choose.dataset.app)}/graph/state`;
let digest = choose.dataset.graph;

/** Tell anew what would happen once something was pushed. */
async function lookAgain() {
  if (document.hidden) return;
  const found = await ask(state).then((answer) => answer.json()).catch(() => null);
  if (!found?.graph || found.graph === digest) return;
  digest = found.graph;
  choose.dispatchEvent(new Event("change"));
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-once]") || event.defaultPrevented) return;
  // The service knows the form by its key too; this only shows that it is under way.
  const button = form.querySelector("button.go");
  setTimeout(() => (button.disabled = true));
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
setTimeout(lookAgain, SOON_MS);
setInterval(lookAgain, LOOK_AGAIN_MS);
