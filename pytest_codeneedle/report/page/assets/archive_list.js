// The table of an archive's runs: filtered, sorted, two of them ticked.
(function () {
  "use strict";

  const { FILTERS, calledBuild, counted, data, filed, go, idsOf, make, one, runOf, state } = window.codeneedle;
  const FIRST_ROWS = 50;

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

  // ---- Two runs are ticked ------------------------------------------------------------------------------------

  const bar = one(".cn-chosen"), goButton = one(".cn-go");

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

  function showChosen() {
    const ids = idsOf(state.chosen), shown = idsOf(state.compare);
    boxes.forEach((box, at) => { box.checked = ids.includes(data.runs[at].id); });
    bar.hidden = ids.length === 0 && shown.length < 2;
    goButton.disabled = ids.length < 2;
    const said = ["No run is chosen", `${ids.map(called)}: choose another run to compare it with`, ids.map(called).join(" and ")][ids.length];
    bar.querySelector("span").textContent = letGo ? `${said}. Two are compared: ${called(letGo)} is no longer chosen` : said;
  }

  Object.assign(window.codeneedle, { prepareList, showList, showChosen });
})();
