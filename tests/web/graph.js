import { mountGraph } from "./static/graph.js";

async function json(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

const asked = new URL(location.href).search.replace("?", "&");
window.graph = await mountGraph(document.getElementById("graph"), {
  load: (start, count) => json(`rows?start=${start}&count=${count}${asked}`),
  find: (text) => json(`find?text=${encodeURIComponent(text)}`),
  select: (row, index) => {
    document.getElementById("chosen").textContent = `${index} ${row.sha.slice(0, 8)} ${row.subject}`;
  },
  label: "Commits of shop",
});
