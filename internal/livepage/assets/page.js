"use strict";
// The live page: it takes updates from the event stream and shows them. Every text goes in as text, never as markup.
(() => {
  const node = waterfall.node, duration = waterfall.duration, byId = (id) => document.getElementById(id);
  const states = [["starting", "starting"], ["busy", "busy"], ["idle", "warm, running"], ["frozen", "warm, frozen"], ["reset", "process ended"]];
  const names = new Map(states), kept = 50, keptProblems = 100;
  let state = null, requests = new Map(), problems = [], chosen = 0, drawn = "", architecture = "x86_64", scheduled = false;

  const number = (n) => n.toLocaleString("en-US");
  const plural = (n, word) => number(n) + " " + word + (n === 1 ? "" : "s");
  const clock = (t) => new Date(t).toLocaleTimeString("en-GB");
  const millis = (ms) => ms > 0 ? duration(ms * 1000) : "–";

  function dollars(usd) {
    if (usd === 0) return "$0";
    if (usd >= 1) return "$" + usd.toFixed(2);
    if (usd >= 0.01) return "$" + usd.toFixed(4);
    return "$" + usd.toFixed(Math.min(12, 1 - Math.floor(Math.log10(usd))));
  }

  // put fills an element only when that changes it, so that a selection or a reader's place is not lost for nothing.
  function put(element, key, ...children) {
    if (element.dataset.key === key) return;
    element.dataset.key = key;
    element.replaceChildren(...children);
  }

  function tile(name, value, remark, level) {
    return node("div", level || "", null, node("dt", "", name), node("dd", "", value), node("small", "", remark));
  }

  function showTotals() {
    const t = state.totals, live = states.reduce((n, [s]) => n + (t.environments[s] || 0), 0);
    const warm = (t.environments.idle || 0) + (t.environments.frozen || 0);
    put(byId("totals"), JSON.stringify([t, architecture]),
      tile("Requests", number(t.requests), "from outside"),
      tile("Invocations", number(t.invocations), plural(t.cold_starts, "cold start")),
      tile("Environments", number(live), (t.environments.busy || 0) + " busy, " + warm + " warm"),
      tile("Errors", number(t.errors), "function errors and refusals", t.errors ? "bad" : ""),
      tile("Throttles", number(t.throttles), "refused with 429", t.throttles ? "warn" : ""),
      tile("Cost so far", dollars(t.usd[architecture]), t.usage.gb_seconds.toFixed(3) + " GB-s, " + plural(t.usage.requests, "request")));
  }

  function cell(label, text, level, name) {
    const c = node("td", ["n", level, name].filter(Boolean).join(" "), text);
    c.dataset.label = label;
    return c;
  }

  function environments(f) {
    const box = node("td", "wide"), list = node("div", "envs");
    box.dataset.label = "Environments";
    for (const e of f.environments) {
      const square = node("span", "env env-" + e.state);
      const text = "environment " + e.number + ": " + (names.get(e.state) || e.state) + ", " + plural(e.invocations, "invocation") +
        (e.most_memory_bytes ? ", at most " + Math.ceil(e.most_memory_bytes / 1048576) + " MB" : "");
      square.setAttribute("role", "img");
      square.setAttribute("aria-label", text);
      square.title = text;
      list.append(square);
    }
    if (f.environments_unlisted) list.append(node("span", "zero", "+" + number(f.environments_unlisted)));
    if (!f.environments.length) list.append(node("span", "zero", "none"));
    box.append(list);
    return box;
  }

  function memory(f) {
    const box = node("td", "wide"), mb = Math.ceil(f.most_memory_bytes / 1048576), meter = node("div", "meter"), bar = node("span"), fill = node("i");
    box.dataset.label = "Peak memory";
    const share = f.memory_mb ? Math.min(mb / f.memory_mb, 1) : 0;
    fill.style.width = share * 100 + "%";
    if (share >= 0.9) bar.className = "full";
    if (mb > 0) bar.append(fill);
    bar.setAttribute("aria-hidden", "true");
    meter.append(bar, (f.most_memory_bytes ? mb : "–") + " of " + number(f.memory_mb) + " MB");
    box.append(meter);
    return box;
  }

  function row(f) {
    const head = node("th", "", f.role || f.name);
    head.scope = "row";
    if (f.role) head.append(node("small", "", f.name));
    const quiet = (n) => n ? "" : "zero";
    return node("tr", "", null, head, environments(f),
      cell("Invocations", number(f.invocations), quiet(f.invocations)), cell("Cold starts", number(f.cold_starts), quiet(f.cold_starts)),
      cell("Errors", number(f.errors), f.errors ? "bad" : "zero"), cell("Throttles", number(f.throttles), f.throttles ? "warn" : "zero"),
      cell("Median time", millis(f.median_ms), quiet(f.median_ms)), cell("Longest time", millis(f.longest_ms), quiet(f.longest_ms)), memory(f),
      cell("Billed", f.usage.billed_ms ? duration(f.usage.billed_ms * 1000) : "–", quiet(f.usage.billed_ms)),
      cell("Cost", dollars(f.usd[architecture]), quiet(f.usage.requests)));
  }

  function showFunctions() {
    put(byId("rows"), JSON.stringify([state.functions, architecture]), ...state.functions.map(row));
  }

  function describe(r) {
    const parts = [];
    if (r.state !== "ok") parts.push(node("span", "badge " + r.state, r.state), " ");
    const facts = [];
    if (r.calls) facts.push(plural(r.calls, "call"));
    if (r.cold_starts) facts.push(plural(r.cold_starts, "cold start"));
    if (r.errors && r.calls) facts.push(plural(r.errors, "error"));
    parts.push(facts.join(", ") || (r.state === "ok" ? "no further calls" : ""));
    return parts;
  }

  function entry(r) {
    const b = node("button", "", null, node("time", "", clock(r.begun)), node("span", "who", r.role || r.function),
      node("span", "time", duration(r.chart.total_us)), node("span", "what", null, ...describe(r)));
    b.type = "button";
    b.dataset.number = r.number;
    if (r.number === chosen) b.setAttribute("aria-current", "true");
    return node("li", "", null, b);
  }

  function showRequests() {
    const list = [...requests.values()].sort((a, b) => b.number - a.number);
    byId("none").hidden = list.length > 0;
    if (list.length && (byId("follow").checked || !requests.has(chosen))) chosen = list[0].number;
    const focused = document.activeElement && document.activeElement.dataset.number;
    put(byId("list"), JSON.stringify([chosen, list.map((r) => [r.number, r.state, r.calls, r.errors, r.cold_starts, r.chart.total_us])]), ...list.map(entry));
    const again = focused && byId("list").querySelector(`[data-number="${focused}"]`);
    if (again && document.activeElement !== again) again.focus({ preventScroll: true });
    const r = requests.get(chosen), key = JSON.stringify(r || null);
    if (key === drawn) return;
    drawn = key;
    byId("chart").parentElement.hidden = !r;
    if (!r) return;
    byId("chosen").replaceChildren((r.role || r.function) + " at " + clock(r.begun) + ", " + duration(r.chart.total_us) + (r.state === "running" ? " so far" : ""));
    waterfall.draw(byId("chart"), r.chart);
  }

  function problem(q) {
    const what = node("p", "", null, node("span", "badge " + (q.throttle ? "throttled" : "failed"), q.type), " " + q.message);
    const where = node("p", "", null, node("code", "", "request " + q.request_id));
    if (requests.has(q.request)) {
      const b = node("button", "plain", "show the picture");
      b.type = "button";
      b.addEventListener("click", () => {
        choose(q.request);
        byId("requests").scrollIntoView();
      });
      where.append(" ", b);
    }
    return node("li", "", null, node("time", "", clock(q.time)), node("span", "", q.role || q.function), node("div", "", null, what, where));
  }

  function showProblems() {
    byId("fine").hidden = problems.length > 0;
    put(byId("problems"), JSON.stringify(problems.map((q) => [q.time, q.request_id, requests.has(q.request)])), ...[...problems].reverse().map(problem));
  }

  function showStatic() {
    document.title = state.title ? state.title + " · Shardwise simulator" : "Shardwise simulator";
    byId("title").textContent = state.title || "Shardwise simulator";
    put(byId("facts"), JSON.stringify(state.facts), ...(state.facts || []).map((f) => node("div", "", null, node("dt", "", f.name), node("dd", "", f.value))));
    const used = state.prices.filter((p) => p.item === "duration, " + architecture || p.item === "requests");
    byId("prices").textContent = "in " + state.price_region + ": " + used.map((p) => "$" + (p.item === "requests" ? (p.usd * 1e6).toFixed(2) + " for a million requests" : p.usd.toFixed(10) + " a GB-second")).join(", ") +
      "; no free tier. " + used[0].knowledge[0].toUpperCase() + used[0].knowledge.slice(1) + ".";
  }

  function show() {
    scheduled = false;
    if (!state) return;
    showStatic();
    showTotals();
    showFunctions();
    showRequests();
    showProblems();
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    setTimeout(show, 30);
  }

  function choose(request) {
    chosen = request;
    byId("follow").checked = false;
    show();
  }

  function take(d) {
    if (!state || state.instance !== d.instance || d.since === 0) {
      requests = new Map();
      problems = [];
    }
    state = d;
    for (const r of d.requests) requests.set(r.number, r);
    for (const n of [...requests.keys()].sort((a, b) => a - b).slice(0, Math.max(0, requests.size - kept))) requests.delete(n);
    problems = problems.concat(d.problems).slice(-keptProblems);
    schedule();
  }

  function link(name, text) {
    const l = byId("link");
    if (l.dataset.state === name) return;
    l.dataset.state = name;
    l.textContent = text;
  }

  for (const [name, text] of states) byId("states").append(node("li", "", null, node("span", "env env-" + name), text));
  byId("list").addEventListener("click", (e) => {
    const b = e.target.closest("button");
    if (!b) return;
    choose(Number(b.dataset.number));
  });
  byId("follow").addEventListener("change", show);
  byId("architecture").addEventListener("change", (e) => {
    architecture = e.target.value;
    show();
  });
  window.addEventListener("resize", () => {
    drawn = "";
    schedule();
  });
  const source = new EventSource("events");
  source.onopen = () => link("live", "live");
  source.onmessage = (e) => take(JSON.parse(e.data));
  source.onerror = () => {
    link("lost", source.readyState === EventSource.CLOSED ? "not connected; reload the page" : "lost, trying again");
  };
})();
