// The index of an archive: the table of runs is filtered and sorted, histories and comparisons are drawn.
// What is looked at stands in the address, so that the browser's back button, and a link sent to others, lead to it.
(function () {
  "use strict";

  const data = JSON.parse(document.getElementById("cn-archive").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const FIRST_ROWS = 50, MOST_LINES = 6, LEAST_LINES = 2, LEAST_NATS = 1;
  const MATCHED = 1, SCORED = 2, PASSED = 3, ERRORS = 4, MARGIN = 5;
  const placeOf = new Map(data.pairs.map((pair, at) => [pair[2], at]));
  const runOf = new Map(data.runs.map((run, at) => [run.id, at]));
  const one = (selector) => document.querySelector(selector);

  // ---- Elements -----------------------------------------------------------------------------------------------

  function make(name, facts, ...children) {
    return fill(document.createElement(name), facts, children);
  }

  function draw(name, facts, ...children) {
    return fill(document.createElementNS(SVG, name), facts, children);
  }

  function fill(element, facts, children) {
    for (const [key, value] of Object.entries(facts || {})) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== "").map((child) => (
      typeof child === "object" ? child : document.createTextNode(String(child)))));
    return element;
  }

  function figure(value, digits = 2) {
    return value === null || value === undefined ? "-" : rounded(value, digits);
  }

  // As Python prints it: what lies halfway goes to the even figure (19.125 is 19.12), where toFixed goes from zero.
  function rounded(value, digits) {
    const text = value.toFixed(digits);
    if (Math.abs(value * 2 ** (digits + 1)) % 2 !== 1) return text;
    const cut = value.toFixed(digits + 1).slice(0, -1);
    return Number(cut.slice(-1)) % 2 ? text : cut;
  }

  // As `codeneedle grid` prints it: `-` is not in the run, `err` is, and has no answer.
  function shownCell(cell, of) {
    return cell && cell[MATCHED] === null ? "err" : figure(cell && cell[of]);
  }

  function signed(value, digits = 2) {
    const text = rounded(value, digits);
    return Number(text) === 0 ? (0).toFixed(digits) : value > 0 ? `+${text}` : text;
  }

  function counted(count, what) {
    return `${count} ${what}${count === 1 ? "" : "s"}`;
  }

  function address(run) {
    return `runs/${run.id}/index.html`;
  }

  // By what a filter calls it.
  function filed(run, key) {
    return run[key] || "not told";
  }

  function calledBuild(run) {
    return run.build || "no build told";
  }

  function cellOf(grid, pair) {
    return grid.cells.find((cell) => cell[0] === placeOf.get(pair)) || null;
  }

  // ---- State: what is looked at, as it stands in the address ---------------------------------------------------

  const KEYS = ["q", "model", "corpus", "build", "sort", "all", "history", "pairs", "chosen", "compare"];
  const FILTERS = ["model", "corpus", "build"];
  let state = read();

  function read() {
    const found = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    const told = Object.fromEntries(KEYS.map((key) => [key, found.get(key) || ""]));
    for (const key of FILTERS) { // of what no run has, none would be left
      if (!data.runs.some((run) => filed(run, key) === told[key])) told[key] = "";
    }
    if (!found.has("chosen")) told.chosen = told.compare;
    return told;
  }

  function go(changes, { replace = false } = {}) {
    state = { ...state, ...changes };
    const told = new URLSearchParams(Object.entries(state).filter(([key, value]) => (
      value !== "" && (key !== "chosen" || value !== state.compare))));
    const hash = `#${told}`;
    if (hash !== (location.hash || "#")) {
      if (replace) history.replaceState(null, "", hash);
      else history.pushState(null, "", hash);
    }
    show();
  }

  function returned() {
    if (location.hash && !location.hash.includes("=")) return; // a link within the page
    state = read();
    show();
  }

  // ---- The table of runs ----------------------------------------------------------------------------------------

  const list = one(".cn-list"), body = list.tBodies[0];
  const rows = Array.from(body.rows);
  const text = one(".cn-text"), count = one(".cn-count");
  const more = one(".cn-more"), moreButton = more.querySelector("button");
  const choices = { model: one(".cn-model"), corpus: one(".cn-corpus"), build: one(".cn-build") };
  const boxes = [];

  const SORTED = new Map([
    ["started", (run) => run.seconds],
    ["model", (run) => run.model],
    ["corpus", (run) => run.corpus],
    ["build", (run) => (run.build ? run.order : null)],
    ["word", (run) => run.grids[0].word],
    ["mean", (run) => run.grids[0].mean],
    ["worst", (run) => (run.grids[0].worst ? run.grids[0].worst.matched : null)],
    ["note", (run) => run.notes.join(", ")],
  ]);

  function compared(a, b) {
    if (a === b) return 0;
    if (a === null || a === "") return 1; // what is not known stands last, whichever way
    if (b === null || b === "") return -1;
    if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
    return a - b;
  }

  function prepareList() {
    one(".cn-filter").hidden = false;
    one(".cn-filter").addEventListener("submit", (event) => event.preventDefault());
    text.addEventListener("input", () => go({ q: text.value }, { replace: true }));
    for (const [key, select] of Object.entries(choices)) {
      const order = new Map(data.runs.map((run) => [filed(run, key), key === "build" && run.build ? run.order : run[key]]));
      const values = Array.from(order.keys()).sort((a, b) => compared(order.get(a), order.get(b)));
      select.append(make("option", { value: "" }, "all"));
      select.append(...values.map((value) => make("option", { value }, value)));
      select.addEventListener("change", () => go({ [key]: select.value }));
    }
    for (const head of list.tHead.rows[0].cells) {
      const button = make("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && head.dataset.key === "started");
        go({ sort: `${down ? "-" : ""}${head.dataset.key}` });
      });
    }
    list.tHead.rows[0].prepend(make("th", { role: "columnheader", scope: "col", class: "cn-pick" }, make("span", { class: "cn-unseen" }, "compare")));
    rows.forEach((row, at) => {
      const run = data.runs[at];
      const label = `compare ${run.started} ${run.model}, ${run.corpus}, ${calledBuild(run)}`;
      const box = make("input", { type: "checkbox", "aria-label": label });
      box.addEventListener("change", () => choose(run.id, box.checked));
      boxes.push(box);
      row.prepend(make("td", { role: "cell", class: "cn-pick" }, box));
    });
    moreButton.addEventListener("click", () => go({ all: "1" }));
  }

  function showList() {
    if (text.value !== state.q) text.value = state.q;
    const wanted = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [key, select] of Object.entries(choices)) select.value = state[key];
    const kept = data.runs.map((run, at) => at).filter((at) => {
      const run = data.runs[at];
      const told = `${run.started} ${run.model} ${run.corpus} ${run.build} ${run.grids.map((grid) => grid.word).join(" ")} ${run.notes.join(" ")} ${run.id}`.toLowerCase();
      return FILTERS.every((key) => !state[key] || filed(run, key) === state[key]) && wanted.every((word) => told.includes(word));
    });
    const named = state.sort.replace("-", ""), key = SORTED.has(named) ? named : "started", by = SORTED.get(key);
    const down = !SORTED.has(named) || state.sort.startsWith("-");
    kept.sort((a, b) => {
      const [x, y] = [by(data.runs[a]), by(data.runs[b])];
      const unknown = [x, y].some((value) => value === null || value === "");
      return (down && !unknown ? -1 : 1) * compared(x, y) || a - b;
    });
    const shown = state.all ? kept : kept.slice(0, FIRST_ROWS);
    body.replaceChildren(...shown.map((at) => rows[at]));
    for (const head of list.tHead.rows[0].cells) {
      if (head.dataset.key === key) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    count.value = kept.length === data.runs.length ? "" : `${kept.length} of ${counted(data.runs.length, "run")}`;
    more.hidden = shown.length === kept.length;
    moreButton.textContent = `Show all ${kept.length}`;
  }

  // ---- Two runs are chosen ------------------------------------------------------------------------------------

  const bar = one(".cn-chosen"), goButton = one(".cn-go"), panel = one(".cn-compare");

  function idsOf(told) {
    return Array.from(new Set(told.split("."))).filter((id) => runOf.has(id)).slice(0, 2);
  }

  function called(id) {
    const run = data.runs[runOf.get(id)];
    return `${run.started} ${run.model} ${run.short}`;
  }

  let letGo = "";

  // What is ticked is in the address, but no step back of its own: the comparison is one.
  function choose(id, yes) {
    const others = idsOf(state.chosen).filter((other) => other !== id);
    letGo = yes && others.length === 2 ? others[0] : "";
    go({ chosen: (yes ? [...others.slice(-1), id] : others).join(".") }, { replace: true });
    letGo = "";
  }

  let comparisonShown = "";

  function showChosen() {
    const ids = idsOf(state.chosen), shown = idsOf(state.compare);
    boxes.forEach((box, at) => { box.checked = ids.includes(data.runs[at].id); });
    bar.hidden = ids.length === 0 && shown.length < 2;
    goButton.disabled = ids.length < 2;
    const said = ["No run is chosen", `${ids.map(called)}: choose another run to compare it with`, ids.map(called).join(" and ")][ids.length];
    bar.querySelector("span").textContent = letGo ? `${said}. Two are compared: ${called(letGo)} is no longer chosen` : said;
    panel.hidden = shown.length < 2;
    if (shown.length === 2 && comparisonShown !== shown.join(".")) {
      showComparison(...shown.map((id) => data.runs[runOf.get(id)]).sort((a, b) => a.seconds - b.seconds));
      comparisonShown = shown.join(".");
    }
  }

  // ---- A comparison -------------------------------------------------------------------------------------------

  const ASKED = ["corpus", "corpus_sha256", "lines", "prompt", "prompt_sha256", "indentation"];

  function showValue(value) {
    if (Array.isArray(value)) return value.map(String).join(" ") || "none";
    if (value === null || value === undefined) return "unset";
    if (typeof value === "object") return JSON.stringify(value);
    return /^[0-9a-f]{64}$/.test(String(value)) ? value.slice(0, 12) : String(value);
  }

  function words(key) {
    return key.replace(/_/g, " ");
  }

  function differing(a, b) {
    const [before, now] = [data.facts[a.facts], data.facts[b.facts]];
    const keys = Array.from(new Set([...Object.keys(before), ...Object.keys(now)]));
    const of = (facts, key) => (Object.hasOwn(facts, key) ? facts[key] ?? null : null);
    return keys.filter((key) => JSON.stringify(of(before, key)) !== JSON.stringify(of(now, key)))
      .map((key) => [key, showValue(of(before, key)), showValue(of(now, key))]);
  }

  function askedOtherwise(a, b) {
    const [before, now] = [data.facts[a.facts], data.facts[b.facts]];
    return ASKED.filter((key) => key === "corpus" ? false
      : key === "corpus_sha256" ? before[key] !== now[key]
        : (before[key] ?? null) !== null && (now[key] ?? null) !== null && before[key] !== now[key]);
  }

  // Why `codeneedle compare` would refuse these runs; nothing where it would not.
  function refusal(a, b, otherwise, pairs) {
    if (otherwise.includes("corpus_sha256")) return "The runs are of different texts: their figures say nothing about each other.";
    if (otherwise.length) return `The questions differ (${otherwise.map(words).join(", ")}): the figures say nothing about each other.`;
    if (!pairs.length) {
      const [before, now] = [a, b].map((run) => run.grids.map((grid) => grid.title || "rotation as the environment has it").join(" and "));
      return `No cell is in both: A was asked with ${before}, B with ${now}.`;
    }
    if (!pairs.some(([before, now]) => before.cells.some((cell) => isAsked(cell) && now.cells.some((other) => other[0] === cell[0] && isAsked(other))))) {
      return "No cell is in both: they were asked for different pairs of types.";
    }
    if (othersAsked(a, b) && a.functions === 1 && b.functions === 1) return "The runs asked for different functions.";
    return "";
  }

  function othersAsked(a, b) {
    return data.facts[a.facts].functions !== data.facts[b.facts].functions;
  }

  function isAsked(cell) {
    return cell[MATCHED] !== null || cell[ERRORS] > 0;
  }

  function warnings(a, b, refused) {
    const said = refused ? [`${refused} They cannot be compared.`] : [];
    if (!refused && othersAsked(a, b)) said.push("The runs did not ask for the same functions: means over different questions stand side by side, and no difference of them is drawn.");
    for (const [name, run] of [["A", a], ["B", b]]) {
      if (run.asked[0] < run.asked[1]) said.push(`${name} has ${run.asked[0]} of ${run.asked[1]} answers.`);
      if (run.grids.some((grid) => grid.word === "floored")) said.push(`${name} is of a floored model, which says nothing about its cache.`);
    }
    return said;
  }

  // The grids that can be held against each other: those of one rotation; where each run has one alone, these.
  function pairsOfGrids(a, b) {
    const [before, now] = [a, b].map((run) => run.grids.filter((grid) => grid.cells.some(isAsked)));
    const both = before.map((grid) => [grid, now.find((other) => other.rotation === grid.rotation)]).filter(([, other]) => other);
    return both.length || before.length !== 1 || now.length !== 1 ? both : [[before[0], now[0]]];
  }

  function scaleOf(grids, lines) {
    const values = grids.flatMap((grid) => grid.cells.map((cell) => cell[MATCHED])).filter((value) => value !== null);
    return [Math.min(...values, Math.max(0, lines - LEAST_LINES)), lines];
  }

  function scaleOfMargins(grids) {
    const values = grids.flatMap((grid) => grid.cells.map((cell) => cell[MARGIN])).filter((value) => value !== null);
    return [Math.min(...values, Math.max(...values) - LEAST_NATS), Math.max(...values)];
  }

  function step(value, [low, high]) {
    const share = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5;
    return data.scale[Math.round(share * (data.scale.length - 1))];
  }

  // Loss is orange, gain blue, nothing paper: black is read on all of them.
  function apart(value, most) {
    const end = value < 0 ? [230, 140, 50] : [105, 165, 220];
    const share = Math.min(1, Math.abs(value) / most);
    const mixed = [240, 238, 232].map((from, at) => Math.round(from + (end[at] - from) * share));
    return [`rgb(${mixed.join(",")})`, "#000"];
  }

  function heat(title, unit, grids, field) {
    const cells = new Set(grids.flatMap((grid) => grid.cells.map((cell) => cell[0])));
    const [ctks, ctvs] = [0, 1].map((side) => {
      const order = new Map(data.types.map((name, at) => [name, at]));
      return Array.from(new Set(Array.from(cells, (at) => data.pairs[at][side]))).sort((x, y) => order.get(x) - order.get(y));
    });
    const known = new Map(data.pairs.map((pair, at) => [`${pair[0]}/${pair[1]}`, at]));
    const head = make("tr", {}, make("th", { scope: "col" }, "ctk\\ctv"), ...ctvs.map((name) => make("th", { scope: "col" }, name)));
    const lines = ctks.map((ctk) => make("tr", {}, make("th", { scope: "row" }, ctk), ...ctvs.map((ctv) => {
      const at = known.get(`${ctk}/${ctv}`);
      const found = at === undefined || !cells.has(at) ? null : field(at);
      if (!found || !found.colours) return make("td", { class: "cn-none" }, found ? found.text : "-");
      const cell = make("td", { title: found.told }, found.text);
      [cell.style.background, cell.style.color] = found.colours;
      return cell;
    })));
    return make("div", {}, make("div", { class: "cn-scroll", tabindex: "0", role: "region", "aria-label": title },
      make("table", { class: "cn-heat" }, make("caption", {}, title, make("br"), make("small", {}, unit)), make("thead", {}, head), make("tbody", {}, ...lines))));
  }

  function matchedHeat(name, run, grid, scale) {
    const found = new Map(grid.cells.map((cell) => [cell[0], cell]));
    return heat(`${name}: matched lines`, `mean of ${run.lines}${grid.title ? `, ${grid.title}` : ""}`, [grid], (at) => {
      const cell = found.get(at);
      if (cell[MATCHED] === null) return { text: shownCell(cell, MATCHED) };
      const told = `${data.pairs[at][2]}: ${figure(cell[MATCHED])} of ${run.lines} lines over ${counted(cell[SCORED], "function")}`;
      return { text: figure(cell[MATCHED]), colours: step(cell[MATCHED], scale), told };
    });
  }

  function marginHeat(name, grid, scale) {
    const found = new Map(grid.cells.map((cell) => [cell[0], cell]));
    return heat(`${name}: log-probability margins`, `mean, nats${grid.title ? `, ${grid.title}` : ""}`, [grid], (at) => {
      const cell = found.get(at), text = shownCell(cell, MARGIN);
      if (cell[MATCHED] === null || cell[MARGIN] === null) return { text };
      return { text, colours: step(cell[MARGIN], scale), told: `${data.pairs[at][2]}: mean margin ${text} nats` };
    });
  }

  function differenceHeat(before, now) {
    const old = new Map(before.cells.map((cell) => [cell[0], cell[MATCHED]]));
    const changes = new Map(now.cells.filter((cell) => cell[MATCHED] !== null && (old.get(cell[0]) ?? null) !== null)
      .map((cell) => [cell[0], cell[MATCHED] - old.get(cell[0])]));
    const most = Math.max(LEAST_LINES, ...Array.from(changes.values(), Math.abs));
    return heat("B - A", "lines; below 0 is a loss", [before, now], (at) => {
      if (!changes.has(at)) return null;
      const value = changes.get(at);
      return { text: signed(value), colours: apart(value, most), told: `${data.pairs[at][2]}: ${signed(value)} lines` };
    });
  }

  function named(name, run) {
    return make("div", {}, make("h3", {}, `${name}: `, make("a", { href: address(run) }, `${run.started} UTC`)),
      make("p", { class: "cn-small" }, `${run.model}, ${run.corpus}`, make("br"), make("span", { class: "cn-mono" }, calledBuild(run)), make("br"),
        ...run.grids.flatMap((grid) => [make("b", {}, grid.word || "no verdict"), grid.title ? ` ${grid.title} ` : " "])));
  }

  function showComparison(a, b) {
    const otherwise = askedOtherwise(a, b), pairs = pairsOfGrids(a, b);
    const refused = refusal(a, b, otherwise, pairs), said = warnings(a, b, refused);
    const parts = [make("div", { class: "cn-two" }, named("A", a), named("B", b))];
    if (said.length) parts.push(make("div", { class: "cn-warn", role: "note" }, ...said.map((line) => make("p", {}, line))));
    for (const [before, now] of pairs.length ? pairs : [[a.grids[0], b.grids[0]]]) {
      const scales = a.lines === b.lines ? Array(2).fill(scaleOf([before, now], a.lines)) : [scaleOf([before], a.lines), scaleOf([now], b.lines)];
      parts.push(make("div", { class: "cn-two" }, matchedHeat("A", a, before, scales[0]), matchedHeat("B", b, now, scales[1]),
        refused || othersAsked(a, b) ? null : differenceHeat(before, now)));
      if ([before, now].every((grid) => grid.cells.some((cell) => cell[MARGIN] !== null))) {
        const scale = scaleOfMargins([before, now]);
        parts.push(make("div", { class: "cn-two" }, marginHeat("A", before, scale), marginHeat("B", now, scale)));
      }
    }
    const differences = differing(a, b);
    parts.push(make("h3", {}, "What differs beside the figures"));
    if (differences.length) {
      const head = make("tr", {}, ...["", "A", "B"].map((name) => make("th", { scope: "col" }, name || "what")));
      const lines = differences.map(([key, ...values]) => make("tr", {}, make("th", { scope: "row" }, words(key)), ...values.map((value) => make("td", {}, value))));
      parts.push(make("div", { class: "cn-scroll", tabindex: "0", role: "region", "aria-label": "What differs" },
        make("table", { class: "cn-table cn-what" }, make("thead", {}, head), make("tbody", {}, ...lines))));
    } else parts.push(make("p", {}, "Nothing that was recorded."));
    if (!refused) {
      const over = othersAsked(a, b) ? "the functions that both have, if there are any," : "functions";
      parts.push(make("h3", {}, "Is B worse?"), make("p", {}, `A test over ${over} settles it. In the folder of this archive:`),
        make("pre", { tabindex: "0" }, `codeneedle compare runs/${a.id} runs/${b.id}`));
    }
    one(".cn-compared").replaceChildren(...parts);
  }

  // ---- A history ----------------------------------------------------------------------------------------------

  const past = one(".cn-history"), trackSelect = one(".cn-track"), legend = one(".cn-legend");
  const pairBox = one(".cn-pairs"), charts = one(".cn-charts"), note = past.querySelector(".cn-note"), behind = one(".cn-behind");
  const HIGH = 190, TOP = 10, LOW = 34, LEFT = 46, RIGHT = 18;

  function prepareHistory() {
    past.hidden = data.tracks.length === 0;
    trackSelect.append(...data.tracks.map((track, at) => (
      make("option", { value: at }, `${track.model}: ${track.label} (${counted(track.runs.length, "run")})`))));
    trackSelect.addEventListener("change", () => go({ history: keyOf(data.tracks[Number(trackSelect.value)]), pairs: "" }));
    if ("ResizeObserver" in window) {
      let wide = 0;
      new ResizeObserver(() => {
        if (charts.clientWidth !== wide) {
          wide = charts.clientWidth;
          if (data.tracks.length) drawCharts();
        }
      }).observe(charts);
    }
  }

  // A track is called by its newest run's ID, and its grid: numbers would change with the next run.
  function keyOf(track) {
    const [at, grid] = track.runs[0];
    return `${data.runs[at].id}.${grid}`;
  }

  function trackNow() {
    const wanted = data.tracks.findIndex((track) => track.runs.some(([at, grid]) => `${data.runs[at].id}.${grid}` === state.history));
    return Math.max(0, wanted);
  }

  function pointsOf(track) {
    return track.runs.map(([at, grid]) => ({ run: data.runs[at], grid: data.runs[at].grids[grid] }));
  }

  function pairsNow(track) {
    const known = new Set(pointsOf(track).flatMap((point) => point.grid.cells.map((cell) => cell[0])));
    const every = data.pairs.map((pair, at) => at).filter((at) => known.has(at)).map((at) => data.pairs[at][2]);
    const asked = Array.from(new Set(state.pairs.split(","))).filter((pair) => every.includes(pair));
    return [every, (asked.length ? asked : track.pairs).slice(0, MOST_LINES)];
  }

  let historyShown = null;

  function showHistory() {
    const looked = `${state.history} ${state.pairs}`;
    if (!data.tracks.length || looked === historyShown) return;
    historyShown = looked;
    trackSelect.value = String(trackNow());
    const track = data.tracks[trackNow()], [every, pairs] = pairsNow(track);
    pairBox.querySelector("summary").textContent = `Pairs: ${pairs.join(", ")}`;
    const field = pairBox.querySelector("fieldset");
    const drawn = Array.from(field.querySelectorAll("input"), (box) => box.value).join(",");
    if (drawn !== every.join(",")) {
      field.querySelector(".cn-boxes")?.remove();
      field.append(make("div", { class: "cn-boxes" }, ...every.map((pair) => {
        const box = make("input", { type: "checkbox", value: pair });
        box.addEventListener("change", () => {
          const now = pairsNow(data.tracks[trackNow()])[1].filter((other) => other !== pair);
          go({ pairs: (box.checked ? [...now, pair] : now).join(",") });
        });
        return make("label", {}, box, pair);
      })));
    }
    for (const box of field.querySelectorAll("input")) {
      box.checked = pairs.includes(box.value);
      box.disabled = box.checked ? pairs.length === 1 : pairs.length >= MOST_LINES;
    }
    legend.replaceChildren(...pairs.map((pair, at) => make("span", {}, draw("svg", { viewBox: "0 0 30 14", "aria-hidden": "true", class: `cn-s${at}` },
      draw("line", { x1: 0, x2: 30, y1: 7, y2: 7, class: `cn-l cn-s${at}` }), mark(at, 15, 7, false)), make("span", { class: "cn-mono" }, `${pair}${told(track, pair)}`))));
    const points = pointsOf(track);
    const lines = pairs.flatMap((pair) => [MATCHED, MARGIN].map((of) => points.map((point) => drawnCell(point, pair, of))));
    const open = lines.some((line) => line.some((cell, at) => cell && isOpen(points[at], cell)));
    const dotted = lines.some((line) => line.slice(line.findIndex(Boolean), line.findLastIndex(Boolean)).includes(null));
    const old = data.runs.filter((run) => run.superseded && run.model === track.model && run.corpus === track.corpus).length;
    note.textContent = [
      "Runs stand in the order of their builds.",
      open ? "Open marks: not every function was answered, or the model is floored." : "",
      dotted ? "Dotted lines pass runs that have no figure of the pair." : "",
      old ? `Not drawn: ${counted(old, "run")} that went on later.` : "",
    ].filter(Boolean).join(" ");
    drawCharts();
    drawFigures(points, pairs);
  }

  // Of the newest run's grid: the reference, and what is lowest in it where that is below the reference.
  function told(track, pair) {
    const [at, which] = track.runs.reduce((newest, other) => (other[0] < newest[0] ? other : newest));
    const grid = data.runs[at].grids[which], cell = cellOf(grid, pair);
    if (pair === data.runs[at].reference) return " (reference)";
    const values = grid.cells.map((other) => other[MATCHED]).filter((value) => value !== null);
    const lowest = Math.min(...values), one = grid.worst && cell && cell[MATCHED] === lowest && lowest < Math.max(...values);
    return one ? " (lowest of the newest run)" : "";
  }

  function drawnCell(point, pair, of) {
    const cell = cellOf(point.grid, pair);
    return cell !== null && cell[of] !== null ? cell : null;
  }

  function isOpen(point, cell) {
    return point.grid.word === "floored" || cell[SCORED] < point.run.functions;
  }

  function drawCharts() {
    const track = data.tracks[trackNow()], pairs = pairsNow(track)[1], points = pointsOf(track);
    const made = [chart(points, pairs, MATCHED, "Matched lines", `mean of ${track.lines}`, track.lines)];
    const margins = chart(points, pairs, MARGIN, "Log-probability margins", "mean, nats", null);
    charts.replaceChildren(...[...made, margins].filter(Boolean));
  }

  function ticksOf(low, high) {
    const raw = (high - low) / 6, power = 10 ** Math.floor(Math.log10(raw));
    const size = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= raw);
    const ticks = [];
    for (let tick = Math.ceil(low / size - 1e-9) * size; tick <= high + size * 1e-6; tick += size) ticks.push(tick);
    return [ticks, Math.max(0, -Math.floor(Math.log10(size) + 1e-9))];
  }

  function rangeOf(values, top) {
    if (top !== null) return [Math.min(...values, Math.max(0, top - LEAST_LINES)), top];
    const [low, high] = [Math.min(...values), Math.max(...values)], room = Math.max(1 - (high - low), (high - low) * 0.1) / 2;
    return [low - room, high + room];
  }

  function mark(series, x, y, open, size = 1) {
    const shape = [
      () => draw("circle", { r: 4 }),
      () => draw("path", { d: "M-4 -4h8v8h-8z" }),
      () => draw("path", { d: "M0 -5l5 9h-10z" }),
      () => draw("path", { d: "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z" }),
      () => draw("path", { d: "M0 5l5 -9h-10z" }),
      () => draw("path", { d: "M-1.5 -5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z" }),
    ][series]();
    shape.setAttribute("class", `cn-m cn-s${series}${open ? " cn-open" : ""}`);
    shape.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${size.toFixed(2)})`);
    return shape;
  }

  function chart(points, pairs, of, title, unit, top) {
    const lines = pairs.map((pair) => points.map((point, at) => ({ at, point, pair, cell: drawnCell(point, pair, of) }))
      .filter(({ cell }) => cell !== null));
    const values = lines.flat().map(({ cell }) => cell[of]);
    if (!values.length) return null;
    const wide = Math.max(260, charts.clientWidth || 720), [low, high] = rangeOf(values, top), [ticks, digits] = ticksOf(low, high);
    const inner = wide - LEFT - RIGHT, gap = inner / Math.max(1, points.length);
    const x = (at) => LEFT + gap * (at + 0.5);
    const y = (value) => TOP + (HIGH - TOP - LOW) * (1 - (high > low ? (value - low) / (high - low) : 0.5));
    const picture = draw("svg", { viewBox: `0 0 ${wide} ${HIGH}`, height: HIGH, "aria-hidden": "true", focusable: "false" });
    for (const tick of ticks) {
      picture.append(draw("line", { x1: LEFT, x2: wide - RIGHT, y1: y(tick), y2: y(tick), class: "cn-rule" }),
        draw("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, tick.toFixed(digits)));
    }
    picture.append(draw("line", { x1: LEFT, x2: wide - RIGHT, y1: HIGH - LOW, y2: HIGH - LOW, class: "cn-base" }));
    let free = 0;
    points.forEach((point, at) => {
      if (at && points[at - 1].run.build === point.run.build) return;
      picture.append(draw("line", { x1: x(at), x2: x(at), y1: HIGH - LOW, y2: HIGH - LOW + 5, class: "cn-base" }));
      const label = point.run.short || "-", half = label.length * 3.4;
      const middle = Math.min(Math.max(x(at), half + 2), wide - half - 2);
      if (middle - half < free) return; // there is no room: its mark and the table name it
      picture.append(draw("text", { x: middle, y: HIGH - LOW + 18, "text-anchor": "middle" }, label));
      free = middle + half + 10;
    });
    lines.forEach((line, series) => {
      if (!line.length) return;
      const place = ({ at, cell }) => `${x(at).toFixed(1)} ${y(cell[of]).toFixed(1)}`;
      for (const gap of [false, true]) { // across runs that have none, the line is broken
        const path = line.slice(1).map((next, before) => (
          (next.at - line[before].at > 1) === gap ? `M${place(line[before])}L${place(next)}` : "")).join("");
        if (path) picture.append(draw("path", { d: path, class: `cn-l cn-s${series}${gap ? " cn-gap" : ""}` }));
      }
    });
    lines.forEach((line, series) => {
      for (const { at, point, pair, cell } of line) {
        const link = draw("a", { href: address(point.run), tabindex: "-1" }, draw("title", {},
          `${pair}: ${figure(cell[of])} ${of === MATCHED ? `of ${point.run.lines} lines` : "nats"}, ${calledBuild(point.run)}, ${point.run.started} UTC`));
        link.append(mark(series, x(at), y(cell[of]), isOpen(point, cell), Math.min(1, Math.max(0.4, gap / 12))));
        picture.append(link);
      }
    });
    return make("figure", {}, make("figcaption", {}, make("b", {}, title), ` ${unit}`), picture);
  }

  function drawFigures(points, pairs) {
    const margins = points.some((point) => pairs.some((pair) => (cellOf(point.grid, pair) || [])[MARGIN] != null));
    const heads = ["started, UTC", "build", "verdict", ...pairs.flatMap((pair) => [`${pair} lines`, ...(margins ? [`${pair} nats`] : [])])];
    const lines = points.map(({ run, grid }) => make("tr", {},
      make("th", { scope: "row", class: "cn-mono" }, make("a", { href: address(run) }, run.started)), make("td", { class: "cn-mono" }, run.build || "-"),
      make("td", {}, grid.word || "no verdict"), ...pairs.flatMap((pair) => {
        const cell = cellOf(grid, pair);
        const part = cell && cell[MATCHED] !== null && cell[SCORED] < run.functions ? ` (${cell[SCORED]} of ${run.functions})` : "";
        return [make("td", { class: "cn-figure" }, `${shownCell(cell, MATCHED)}${part}`), ...(margins ? [make("td", { class: "cn-figure" }, shownCell(cell, MARGIN))] : [])];
      })));
    behind.querySelector(".cn-scroll")?.remove();
    behind.append(make("div", { class: "cn-scroll", tabindex: "0", role: "region", "aria-label": "The figures of the history" },
      make("table", { class: "cn-table" }, make("thead", {}, make("tr", {}, ...heads.map((name, at) => make("th", { scope: "col", class: at > 2 ? "cn-figure" : null }, name)))), make("tbody", {}, ...lines))));
  }

  // ---- All of it ------------------------------------------------------------------------------------------------

  function show() {
    showList();
    showChosen();
    showHistory();
  }

  prepareList();
  prepareHistory();
  goButton.addEventListener("click", () => {
    go({ compare: idsOf(state.chosen).join(".") });
    panel.scrollIntoView();
    one("#cn-compare").focus({ preventScroll: true });
  });
  one(".cn-clear").addEventListener("click", () => {
    go({ chosen: "", compare: "" }, { replace: idsOf(state.compare).length < 2 });
    text.focus({ preventScroll: true });
  });
  addEventListener("popstate", returned);
  addEventListener("hashchange", returned);
  show();
})();
