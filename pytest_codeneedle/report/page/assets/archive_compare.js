// Two runs of an archive side by side: their grids, the difference, what else differs, what would test it.
(function () {
  "use strict";

  const {
    ERRORS, LEAST_LINES, MARGIN, MATCHED, SCORED, address, calledBuild, counted, data, figure, idsOf, isPartly, make, one, runOf,
    shownCell, signed, state,
  } = window.codeneedle;
  const LEAST_NATS = 1;
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

  function mostOfMargins(grids) {
    const values = grids.flatMap((grid) => grid.cells.map((cell) => cell[MARGIN])).filter((value) => value !== null);
    return Math.max(LEAST_NATS, ...values.map(Math.abs));
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
      const mark = isPartly(run, cell) ? "*" : "";
      return { text: `${figure(cell[MATCHED])}${mark}`, colours: step(cell[MATCHED], scale), told };
    });
  }

  function marginHeat(name, grid, most) {
    const found = new Map(grid.cells.map((cell) => [cell[0], cell]));
    return heat(`${name}: log-probability margins`, `nats, minus the reference's on the same tokens${grid.title ? `, ${grid.title}` : ""}`, [grid], (at) => {
      const cell = found.get(at);
      if (cell[MATCHED] === null || cell[MARGIN] === null) return { text: shownCell(cell, MARGIN) };
      const text = signed(cell[MARGIN]);
      return { text, colours: apart(cell[MARGIN], most), told: `${data.pairs[at][2]}: ${text} nats beside its reference` };
    });
  }

  function differenceHeat(a, b, before, now) {
    const partly = new Set([[a, before], [b, now]].flatMap(([run, grid]) => grid.cells.filter((cell) => isPartly(run, cell)).map((cell) => cell[0])));
    const old = new Map(before.cells.map((cell) => [cell[0], cell[MATCHED]]));
    const changes = new Map(now.cells.filter((cell) => cell[MATCHED] !== null && (old.get(cell[0]) ?? null) !== null)
      .map((cell) => [cell[0], cell[MATCHED] - old.get(cell[0])]));
    const most = Math.max(LEAST_LINES, ...Array.from(changes.values(), Math.abs));
    return heat("B - A", "lines; below 0 is a loss", [before, now], (at) => {
      if (!changes.has(at)) return null;
      const value = changes.get(at);
      const mark = partly.has(at) ? "*" : "";
      return { text: `${signed(value)}${mark}`, colours: apart(value, most), told: `${data.pairs[at][2]}: ${signed(value)} lines` };
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
        refused || othersAsked(a, b) ? null : differenceHeat(a, b, before, now)));
      if ([before, now].every((grid) => grid.cells.some((cell) => cell[MARGIN] !== null))) {
        const most = mostOfMargins([before, now]);
        parts.push(make("div", { class: "cn-two" }, marginHeat("A", before, most), marginHeat("B", now, most)));
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

  const panel = one(".cn-compare");
  let comparisonShown = "";

  function showCompared() {
    const shown = idsOf(state.compare);
    panel.hidden = shown.length < 2;
    if (shown.length === 2 && comparisonShown !== shown.join(".")) {
      showComparison(...shown.map((id) => data.runs[runOf.get(id)]).sort((a, b) => a.seconds - b.seconds));
      comparisonShown = shown.join(".");
    }
  }

  Object.assign(window.codeneedle, { showCompared });
})();
