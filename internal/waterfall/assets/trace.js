(() => {
  const chart = JSON.parse(document.getElementById("data").textContent), node = waterfall.node;
  const draw = () => waterfall.draw(document.getElementById("chart"), chart);
  draw();
  let resizing = 0;
  window.addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(draw, 100);
  });
  const facts = document.getElementById("facts");
  for (const f of chart.facts || []) facts.append(node("div", "", null, node("dt", "", f.name), node("dd", "", f.value)));
  const table = document.getElementById("table"), body = node("tbody");
  const head = node("tr", "", null, ...["who", "what", "from", "time", "of which", "outcome"].map((t) => node("th", "", t)));
  table.append(node("thead", "", null, head), body);
  for (const lane of chart.lanes) {
    for (const s of lane.spans) {
      const parts = (s.parts || []).map((p) => waterfall.duration(p.end_us - p.start_us) + " " + p.name).join(", ");
      const outcome = (s.failed ? "failed" : "ok") + (s.cold ? ", cold start" : "");
      const who = [lane.group, lane.label].filter(Boolean).join(" ");
      body.append(node("tr", "", null, ...[who, s.name, waterfall.duration(s.start_us), waterfall.duration(s.end_us - s.start_us), parts, outcome].map((t) => node("td", "", t))));
    }
  }
})();
