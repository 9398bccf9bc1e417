// The board, kept true: whenever something has changed, what shows of it is asked for again.

const board = document.getElementById("board");
const search = document.querySelector("[data-search]");
const changes = new EventSource(board.dataset.changes);

changes.addEventListener("changed", () => {
  const query = new URLSearchParams({ q: search.value });
  htmx.ajax("GET", `${search.getAttribute("hx-get")}?${query}`, { target: board, swap: "innerHTML" });
});
addEventListener("pagehide", () => changes.close());
