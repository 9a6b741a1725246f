// The items of a page: a table that is drawn a page at a time. Its diffs are those of diffs.js.
(() => {
  "use strict";

  const PAGE = 100;
  const { packs, made, itemOf, draw } = window.codeneedle;

  const percent = (share) => `${(100 * share).toFixed(1)} %`; // as in pytest-html's table
  const dash = (value) => (value === null ? "-" : String(value));

  /** name, whether it is a figure, what is printed, what is sorted by (a number or a text). */
  const COLUMNS = [
    ["outcome", false, (item) => item.outcome, (item) => item.outcome],
    ["ctk", false, (item) => item.ctk, (item, types) => types.indexOf(item.ctk)],
    ["ctv", false, (item) => item.ctv, (item, types) => types.indexOf(item.ctv)],
    ["pass", false, (item) => item.turn, (item) => item.turn], // only where there is more than one
    ["function", false, (item) => item.name, (item) => item.name],
    ["depth", true, (item) => (item.depth === null ? "-" : percent(item.depth)), (item) => item.depth],
    ["matched", true, (item) => dash(item.matched), (item) => item.matched],
    ["hallucinated", true, (item) => dash(item.hallucinated), (item) => item.hallucinated],
    ["run-on", false, (item) => (item.runOn === null ? "-" : item.runOn ? "yes" : "no"), (item) => item.runOn],
    ["label", false, (item) => item.label, (item) => item.label],
    ["seconds", true, (item) => (item.seconds === null ? "-" : item.seconds.toFixed(2)), (item) => item.seconds],
  ];
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
      const turns = new Set(this.items.map((item) => item.turn));
      this.columns = COLUMNS.filter(([name]) => name !== "pass" || turns.size > 1);
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
      this.headers = this.columns.map(([name, figure], column) => {
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
      const value = this.columns[column][3];
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
      this.columns.forEach(([name, figure, shown], column) => {
        const cell = made("td", { class: figure ? "cn-figure" : `cn-${name}` });
        if (column === 0) cell.className = `cn-outcome-${item.outcome.replace(/[^a-z]/g, "-")}`;
        if (name !== "function") cell.textContent = shown(item);
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
      return made("tr", { class: "cn-open" }, made("td", { colspan: String(this.columns.length) }, host));
    }
  }

  for (const host of document.querySelectorAll(".cn-items")) new Items(host, packs[Number(host.dataset.pack)]);
})();
