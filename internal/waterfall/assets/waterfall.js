"use strict";
// Draws a chart as package waterfall writes it. Every text goes in as text, never as markup.
const waterfall = (() => {
  const kinds = [
    ["travel", "on the way, or queueing"], ["start", "starting its process"], ["load", "opening its files"], ["work", "in the function"],
    ["compute", "computing"], ["wait", "waiting for shards"], ["merge", "merging"], ["failed", "failed attempt"],
  ];

  // node makes an element with a class, a text and children.
  function node(tag, name, text, ...children) {
    const n = document.createElement(tag);
    if (name) n.className = name;
    if (text !== undefined && text !== null) n.textContent = text;
    n.append(...children);
    return n;
  }

  // duration writes microseconds with about three digits.
  function duration(us) {
    if (us < 1000) return us.toFixed(0) + " µs";
    const ms = us / 1000;
    if (ms < 10) return ms.toFixed(2) + " ms";
    if (ms < 100) return ms.toFixed(1) + " ms";
    if (ms < 1000) return ms.toFixed(0) + " ms";
    if (ms < 60000) return (ms / 1000).toFixed(2) + " s";
    return Math.floor(ms / 60000) + " min " + Math.round(ms / 1000) % 60 + " s";
  }

  // ticks are round times from 0 up to the total, as many as fit into so many pixels; the last place is the total's own.
  function ticks(total, pixels) {
    const rough = total / Math.min(5, Math.max(pixels / 95, 1)), power = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const list = [];
    for (let t = 0; t <= total * (1 - 85 / Math.max(pixels, 170)); t += step) list.push(t);
    return list;
  }

  // place puts an element over a stretch of another one.
  function place(element, start, end, from, to) {
    const length = Math.max(to - from, 1);
    element.style.left = (start - from) / length * 100 + "%";
    element.style.width = Math.max(end - start, 0) / length * 100 + "%";
  }

  function outcome(span) {
    if (span.failed) return "failed";
    return span.running ? "running" : "";
  }

  // lengths sums up the parts of a span, travel included.
  function lengths(span) {
    const sums = new Map();
    let covered = 0;
    for (const p of span.parts || []) {
      covered += p.end_us - p.start_us;
      const s = sums.get(p.name) || { kind: p.kind, us: 0 };
      s.us += p.end_us - p.start_us;
      sums.set(p.name, s);
    }
    const list = [...sums].map(([name, s]) => [name, s.kind, s.us]);
    const rest = span.end_us - span.start_us - covered;
    if (rest > 0 && !span.failed) list.unshift(["on the way, or queueing", "travel", rest]);
    return list;
  }

  function detail(lane, span) {
    const box = document.createDocumentFragment();
    const title = [lane.group, lane.label, span.name].filter(Boolean).join(" · ");
    box.append(node("h4", "", title));
    const list = node("dl");
    const add = (name, ...value) => list.append(node("dt", "", name), node("dd", "", null, ...value));
    add("time", duration(span.end_us - span.start_us) + (span.running ? " so far" : "") + ", from " + duration(span.start_us) + " on" + (span.failed ? ", failed" : "") + (span.cold ? ", cold start" : ""));
    const parts = lengths(span);
    if (parts.length > 0) {
      add("of which", ...parts.flatMap(([name, kind, us], i) => [i ? ", " : "", node("i", "wf-" + kind), duration(us) + " " + name]));
    }
    for (const d of span.details || []) add(d.name, d.value);
    box.append(list);
    return box;
  }

  function button(chart, lane, span) {
    const b = node("button", "wf-span " + (outcome(span) ? "wf-" + outcome(span) : ""));
    b.type = "button";
    place(b, span.start_us, span.end_us, 0, chart.total_us);
    b.setAttribute("aria-label", [lane.group, lane.label, span.name, duration(span.end_us - span.start_us), outcome(span), span.cold ? "cold start" : ""].filter(Boolean).join(", "));
    for (const p of span.parts || []) {
      const part = node("span", "wf-part wf-" + p.kind);
      place(part, p.start_us, p.end_us, span.start_us, span.end_us);
      b.append(part);
    }
    return b;
  }

  function axis(chart, marks) {
    const row = node("div", "wf-axis");
    row.setAttribute("aria-hidden", "true");
    const scale = node("div", "wf-ticks");
    for (const t of marks) {
      const tick = node("span", "", t === 0 ? "0" : duration(t));
      tick.style.left = t / chart.total_us * 100 + "%";
      scale.append(tick);
    }
    const end = node("span", "", duration(chart.total_us));
    end.style.left = "100%";
    scale.append(end);
    row.append(node("div", "wf-label"), scale, node("div", "wf-note"));
    return row;
  }

  // move handles the arrow keys: left and right within a lane, up and down to the next one.
  function move(event, rows) {
    const at = rows.findIndex((r) => r.includes(event.target));
    if (at < 0) return;
    const i = rows[at].indexOf(event.target);
    const to = { ArrowLeft: rows[at][i - 1], ArrowRight: rows[at][i + 1], ArrowUp: (rows[at - 1] || [])[0], ArrowDown: (rows[at + 1] || [])[0] }[event.key];
    if (!to) return;
    event.preventDefault();
    to.focus();
  }

  // draw fills the container with the chart. A span that was chosen or focused in the chart before stays so.
  function draw(container, chart) {
    const old = container.querySelector(".wf");
    const chosen = old ? old.dataset.chosen : "";
    const focused = old && old.contains(document.activeElement) ? document.activeElement.dataset.key : "";
    const root = node("div", "wf"), lanes = node("div", "wf-lanes"), info = node("div", "wf-detail");
    info.setAttribute("aria-live", "polite");
    root.dataset.chosen = chosen || "";
    const total = Math.max(chart.total_us, 1), rows = [], used = new Set(["travel"]);
    chart = Object.assign({}, chart, { total_us: total });
    const wide = container.clientWidth;
    const marks = ticks(total, wide > 640 ? wide - 260 : wide);
    lanes.append(axis(chart, marks));
    const show = (lane, span) => info.replaceChildren(detail(lane, span));
    const hint = () => info.replaceChildren(node("p", "", "Point at a bar, or choose one, to see what it was."));
    hint();
    chart.lanes.forEach((lane, n) => {
      const row = node("div", "wf-lane"), track = node("div", "wf-track"), label = node("div", "wf-label", null);
      if (lane.group) label.append(node("small", "", lane.group));
      label.append(lane.label);
      row.setAttribute("role", "group");
      row.setAttribute("aria-label", [lane.group, lane.label].filter(Boolean).join(" "));
      for (const t of marks.slice(1)) {
        const line = node("div", "wf-grid");
        line.style.left = t / total * 100 + "%";
        track.append(line);
      }
      const buttons = lane.spans.map((span, i) => {
        const b = button(chart, lane, span), key = n + "." + i;
        b.dataset.key = key;
        b.tabIndex = i === 0 ? 0 : -1;
        b.addEventListener("focus", () => show(lane, span));
        b.addEventListener("pointerenter", () => show(lane, span));
        b.addEventListener("click", () => {
          root.querySelectorAll("[aria-current]").forEach((o) => o.removeAttribute("aria-current"));
          root.dataset.chosen = key;
          b.setAttribute("aria-current", "true");
          show(lane, span);
        });
        if (key === chosen) {
          b.setAttribute("aria-current", "true");
          show(lane, span);
        }
        for (const p of span.parts || []) used.add(p.kind);
        if (span.failed) used.add("failed");
        return b;
      });
      track.append(...buttons);
      rows.push(buttons);
      row.append(label, track, node("div", "wf-note", lane.note || ""));
      lanes.append(row);
    });
    lanes.addEventListener("keydown", (e) => move(e, rows));
    const legend = node("ul", "wf-legend");
    for (const [kind, name] of kinds) {
      if (used.has(kind)) legend.append(node("li", "", null, node("i", "wf-" + kind), name));
    }
    root.append(lanes, legend);
    if (chart.omitted) root.append(node("p", "wf-note", chart.omitted + " more calls are not in the picture."));
    root.append(info);
    container.replaceChildren(root);
    const again = focused && root.querySelector(`[data-key="${focused}"]`);
    if (again) again.focus({ preventScroll: true });
  }

  return { draw, node, duration };
})();
