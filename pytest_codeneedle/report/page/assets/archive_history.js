// A model's history in an archive: matched lines and margins over builds as charts, with their table.
(function () {
  "use strict";

  const {
    LEAST_LINES, MARGIN, MATCHED, SCORED, address, calledBuild, cellOf, counted, data, draw, figure, go, isPartly, make, one,
    shownCell, state,
  } = window.codeneedle;
  const MOST_LINES = 6;
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
    return point.grid.word === "floored" || isPartly(point.run, cell);
  }

  function drawCharts() {
    const track = data.tracks[trackNow()], pairs = pairsNow(track)[1], points = pointsOf(track);
    const made = [chart(points, pairs, MATCHED, "Matched lines", `mean of ${track.lines}`, track.lines)];
    const margins = chart(points, pairs, MARGIN, "Log-probability margins", "nats, minus the reference's on the same tokens", null);
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
        const part = cell && cell[MATCHED] !== null && isPartly(run, cell) ? ` (${cell[SCORED]} of ${run.functions})` : "";
        return [make("td", { class: "cn-figure" }, `${shownCell(cell, MATCHED)}${part}`), ...(margins ? [make("td", { class: "cn-figure" }, shownCell(cell, MARGIN))] : [])];
      })));
    behind.querySelector(".cn-scroll")?.remove();
    behind.append(make("div", { class: "cn-scroll", tabindex: "0", role: "region", "aria-label": "The figures of the history" },
      make("table", { class: "cn-table" }, make("thead", {}, make("tr", {}, ...heads.map((name, at) => make("th", { scope: "col", class: at > 2 ? "cn-figure" : null }, name)))), make("tbody", {}, ...lines))));
  }

  Object.assign(window.codeneedle, { prepareHistory, showHistory });
})();
