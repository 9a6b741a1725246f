// The items of a page: a table that is drawn a page at a time, and diffs that are drawn when they are looked at.
// All text gets onto the page as text.
(() => {
  "use strict";

  const PAGE = 100;
  const TAGS = ["matched", "missing", "hallucinated", "bonus"];
  const NO_ROOM = -1;
  const NO_ROOM_SAYS =
    "This page has no room for the diff: `codeneedle report RUN -o DIR --all-diffs` writes one that has them all.";

  const packs = Array.from(document.querySelectorAll("script.cn-data"), (one) => JSON.parse(one.textContent));

  function made(name, attributes = {}, ...inside) {
    const element = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    element.append(...inside);
    return element;
  }

  // ---- one item -------------------------------------------------------------------------------------------------

  /** What is known of the item with that number, in words and numbers. */
  function itemOf(pack, at) {
    const columns = pack.columns;
    const [ctk, ctv, place] = pack.cells[columns.cell[at]];
    const [name, depth] = pack.functions[columns.function[at]];
    const text = (column) => (columns[column][at] === null ? "" : pack.texts[columns[column][at]]);
    return {
      ctk, ctv, place, name, depth,
      outcome: text("outcome"), label: text("label"), error: text("error"),
      matched: columns.matched[at], hallucinated: columns.hallucinated[at],
      runOn: columns.run_on[at], seconds: columns.seconds[at], diff: columns.diff[at],
    };
  }

  const found = new Map();

  /** [pack, number] of the item with this key, `corpus|place|function`; undefined where there is none. */
  function find(key) {
    if (!found.size) {
      for (const pack of packs) {
        const places = pack.cells.map((cell) => `${pack.corpus}|${cell[2]}|`);
        const names = pack.functions.map((one) => one[0]);
        pack.columns.cell.forEach((cell, at) => found.set(places[cell] + names[pack.columns.function[at]], [pack, at]));
      }
    }
    return found.get(key);
  }

  /** The lines of a packed diff as [tag, text, expected text]. */
  function linesOf(pack, item) {
    const expected = pack.expected[item.name] || [];
    return pack.diffs[item.diff][0].map((line) => {
      if (typeof line === "number") return ["matched", expected[line], expected[line]];
      const [mark, what] = line;
      return [TAGS[mark], typeof what === "number" ? expected[what] : what, null];
    });
  }

  /** Rows of a diff: [expected, its tag, produced, its tag]. Lines missing stand beside those in their place. */
  function rowsOf(lines) {
    const rows = [];
    let waiting = [];
    const flush = () => {
      for (const text of waiting) rows.push([text, "missing", null, ""]);
      waiting = [];
    };
    for (const [tag, text] of lines) {
      if (tag === "missing") waiting.push(text);
      else if (tag === "hallucinated" && waiting.length) rows.push([waiting.shift(), "missing", text, tag]);
      else {
        flush();
        if (tag === "matched") rows.push([text, tag, text, ""]);
        else rows.push([null, "", text, tag]);
      }
    }
    flush();
    return rows;
  }

  /** A line, with what differs from the other marked where most of it is the same. */
  function marked(text, other) {
    if (text === null) return [];
    if (other === null || text === other) return [text];
    const most = Math.min(text.length, other.length);
    let head = 0;
    while (head < most && text[head] === other[head]) head += 1;
    let tail = 0;
    while (tail < most - head && text[text.length - 1 - tail] === other[other.length - 1 - tail]) tail += 1;
    if (head + tail < Math.max(text.length, other.length) / 2) return [text];
    const between = text.slice(head, text.length - tail);
    return [text.slice(0, head), ...(between ? [made("mark", {}, between)] : []), text.slice(text.length - tail)];
  }

  function diffTable(pack, item) {
    // Roles are named: where it is narrow it is laid out as no table.
    const head = made("tr", { role: "row" });
    for (const name of ["tag", "expected", "produced", "tag"]) {
      head.append(made("th", { scope: "col", role: "columnheader" }, name));
    }
    const body = made("tbody", { role: "rowgroup" });
    const cell = (kind, ...inside) => made("td", { role: "cell", ...(kind ? { class: `cn-${kind}` } : {}) }, ...inside);
    for (const [expected, tag, produced, tagOfProduced] of rowsOf(linesOf(pack, item))) {
      const lost = tag === "missing";
      const left = lost ? tag : "";
      body.append(
        made("tr", { role: "row", ...(tag === "matched" ? { class: "cn-same" } : {}) },
          cell(left, tag), cell(left, ...marked(expected, lost ? produced : null)),
          cell(tagOfProduced, ...marked(produced, lost ? expected : null)), cell(tagOfProduced, tagOfProduced)),
      );
    }
    const caption = made("caption", { class: "cn-unseen" }, `${item.name} at ${item.place}: expected and produced`);
    const table = made("table", { class: "cn-lines", role: "table" }, caption, made("thead", { role: "rowgroup" }, head), body);
    const label = `Diff of ${item.name} at ${item.place}`;
    return made("div", { class: "cn-scroll", tabindex: "0", role: "group", "aria-label": label }, table);
  }

  function paragraph(text) {
    return made("p", { class: "cn-said-of" }, text);
  }

  function draw(host, pack, at) {
    const item = itemOf(pack, at);
    const inside = [];
    if (item.matched !== null) {
      const label = item.label ? `, ${item.label}` : "";
      inside.push(paragraph(`${item.matched} of ${pack.lines} lines matched, ${item.hallucinated} hallucinated${label}`));
    }
    if (item.error) inside.push(made("pre", { class: "cn-error" }, item.error));
    if (item.diff === NO_ROOM) inside.push(paragraph(NO_ROOM_SAYS));
    else if (item.diff !== null) {
      const [lines, leftOut] = pack.diffs[item.diff];
      if (lines.length) inside.push(diffTable(pack, item));
      if (leftOut) inside.push(paragraph(leftOut));
    }
    host.replaceChildren(...inside);
  }

  /** Draw the diff (or the error) of the item with this key into an element; whether there is such an item. */
  function drawDiff(host, key) {
    const place = find(key);
    if (!place) return false;
    draw(host, ...place);
    return true;
  }

  // ---- all items ------------------------------------------------------------------------------------------------

  const percent = (share) => `${Math.round(100 * share)} %`;
  const dash = (value) => (value === null ? "-" : String(value));

  /** name, whether it is a figure, what is printed, what is sorted by (a number or a text). */
  const COLUMNS = [
    ["outcome", false, (item) => item.outcome, (item) => item.outcome],
    ["ctk", false, (item) => item.ctk, (item, types) => types.indexOf(item.ctk)],
    ["ctv", false, (item) => item.ctv + item.place.replace(`${item.ctk}/${item.ctv}`, ""), (item, types) => types.indexOf(item.ctv)],
    ["function", false, (item) => item.name, (item) => item.name],
    ["depth", true, (item) => (item.depth === null ? "-" : percent(item.depth)), (item) => item.depth],
    ["matched", true, (item) => dash(item.matched), (item) => item.matched],
    ["hallucinated", true, (item) => dash(item.hallucinated), (item) => item.hallucinated],
    ["run-on", false, (item) => (item.runOn === null ? "-" : item.runOn ? "yes" : "no"), (item) => item.runOn],
    ["label", false, (item) => item.label, (item) => item.label],
    ["seconds", true, (item) => (item.seconds === null ? "-" : item.seconds.toFixed(2)), (item) => item.seconds],
  ];
  const NAME = 3;
  const collator = new Intl.Collator("en", { numeric: true });

  /** Negative, zero or positive; what has no value comes last in either direction. */
  function compared(one, other, sign) {
    if (one === other) return 0;
    if (one === null || one === "") return 1;
    if (other === null || other === "") return -1;
    return sign * (typeof one === "string" ? collator.compare(one, other) : one - other);
  }

  function counts(values) {
    const tally = new Map();
    for (const value of values) tally.set(value, (tally.get(value) || 0) + 1);
    return tally;
  }

  class Items {
    constructor(host, pack) {
      this.pack = pack;
      this.items = pack.columns.cell.map((_, at) => itemOf(pack, at));
      this.order = this.items.map((_, at) => at);
      this.shown = this.order;
      this.page = 0;
      this.column = null;
      this.sign = 1;
      this.open = new Set();
      this.build(host);
      this.sort(0); // what has no score, and what failed, comes first
    }

    build(host) {
      this.text = made("input", { type: "search", autocomplete: "off", spellcheck: "false" });
      this.outcome = this.choice(counts(this.items.map((item) => item.outcome)), "all");
      this.place = this.choice(counts(this.items.map((item) => item.place)), "all");
      this.count = made("p", { class: "cn-count", role: "status" });
      this.body = made("tbody");
      this.before = made("button", { type: "button" }, "Previous");
      this.after = made("button", { type: "button" }, "Next");
      this.where = made("span", { class: "cn-soft" });
      this.pager = made("div", { class: "cn-pager" }, this.before, this.after, this.where);
      const named = (name, control) => made("label", {}, name, control);
      host.querySelector(".cn-unscripted").remove();
      host.append(
        made("div", { class: "cn-tools" },
          named("function, label or error", this.text), named("outcome", this.outcome), named("cell", this.place)),
        this.count,
        made("div", { class: "cn-scroll cn-list-box", tabindex: "0", role: "region", "aria-label": `Every question: ${host.dataset.name}` },
          made("table", { class: "cn-table cn-list" },
            made("caption", { class: "cn-unseen" }, "One row for each question; headers sort, names open what was lost"),
            made("thead", {}, this.heads()), this.body)),
        this.pager,
      );
      let timer = 0;
      this.text.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(() => this.filter(), 120);
      });
      this.outcome.addEventListener("change", () => this.filter());
      this.place.addEventListener("change", () => this.filter());
      this.before.addEventListener("click", () => this.turn(-1));
      this.after.addEventListener("click", () => this.turn(1));
    }

    choice(tally, all) {
      const select = made("select", {}, made("option", { value: "" }, `${all} (${this.items.length})`));
      for (const [value, count] of tally) select.append(made("option", { value }, `${value} (${count})`));
      return select;
    }

    heads() {
      this.headers = COLUMNS.map(([name, figure], column) => {
        const button = made("button", { type: "button" }, name);
        button.addEventListener("click", () => this.sort(column));
        return made("th", { scope: "col", "aria-sort": "none", ...(figure ? { class: "cn-figure" } : {}) }, button);
      });
      return made("tr", {}, ...this.headers);
    }

    sort(column) {
      this.sign = this.column === column ? -this.sign : 1;
      this.column = column;
      this.headers.forEach((head, at) => {
        const way = this.sign > 0 ? "ascending" : "descending";
        head.setAttribute("aria-sort", at === column ? way : "none");
      });
      const value = COLUMNS[column][3];
      const values = this.items.map((item) => value(item, this.pack.types));
      this.order = this.items.map((_, at) => at);
      this.order.sort((one, other) => compared(values[one], values[other], this.sign) || one - other);
      this.filter();
    }

    filter() {
      const wanted = this.text.value.trim().toLowerCase();
      const [outcome, place] = [this.outcome.value, this.place.value];
      this.shown = this.order.filter((at) => {
        const item = this.items[at];
        if (outcome && item.outcome !== outcome) return false;
        if (place && item.place !== place) return false;
        return !wanted || `${item.name}\n${item.label}\n${item.error}`.toLowerCase().includes(wanted);
      });
      this.page = 0;
      this.redraw();
    }

    get pages() {
      return Math.max(1, Math.ceil(this.shown.length / PAGE));
    }

    turn(by) {
      this.page = Math.min(this.pages - 1, Math.max(0, this.page + by));
      this.redraw();
      this.count.scrollIntoView({ block: "nearest" });
    }

    redraw() {
      const start = this.page * PAGE;
      const rows = [];
      for (const at of this.shown.slice(start, start + PAGE)) rows.push(...this.row(at));
      if (!rows.length) {
        rows.push(made("tr", {}, made("td", { colspan: String(COLUMNS.length), class: "cn-soft" }, "No question matches the filter.")));
      }
      this.body.replaceChildren(...rows);
      const end = Math.min(start + PAGE, this.shown.length);
      const range = this.pages > 1 ? `, ${start + 1} to ${end} below` : "";
      this.count.textContent = `${this.shown.length} of ${this.items.length} questions${range}`;
      this.where.textContent = `page ${this.page + 1} of ${this.pages}`;
      this.before.disabled = this.page === 0;
      this.after.disabled = this.page >= this.pages - 1;
      this.pager.hidden = this.pages === 1;
    }

    row(at) {
      const item = this.items[at];
      const row = made("tr");
      COLUMNS.forEach(([, figure, shown], column) => {
        const cell = made("td", figure ? { class: "cn-figure" } : {});
        if (column === 0) cell.className = `cn-outcome-${item.outcome.replace(/[^a-z]/g, "-")}`;
        if (column !== NAME) cell.textContent = shown(item);
        else cell.append(item.error || item.diff !== null ? this.opener(at, row) : made("span", {}, item.name));
        row.append(cell);
      });
      return this.open.has(at) ? [row, this.detail(at)] : [row];
    }

    opener(at, row) {
      const open = this.open.has(at);
      const button = made("button", { type: "button", "aria-expanded": String(open) }, this.items[at].name);
      button.addEventListener("click", () => {
        const opened = !this.open.has(at);
        if (opened) {
          this.open.add(at);
          row.after(this.detail(at));
        } else {
          this.open.delete(at);
          row.nextElementSibling.remove();
        }
        button.setAttribute("aria-expanded", String(opened));
      });
      return button;
    }

    detail(at) {
      const host = made("div", { class: "cn-detail" });
      draw(host, this.pack, at);
      return made("tr", { class: "cn-open" }, made("td", { colspan: String(COLUMNS.length) }, host));
    }
  }

  for (const host of document.querySelectorAll(".cn-items")) new Items(host, packs[Number(host.dataset.pack)]);
  window.codeneedle = Object.freeze({ drawDiff });
})();
