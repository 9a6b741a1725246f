// The diffs of a page, each drawn when it is looked at: `codeneedle.drawDiff`, and what items.js needs besides.
// All text gets onto the page as text.
(() => {
  "use strict";

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
    const [ctk, ctv, place, turn] = pack.cells[columns.cell[at]];
    const [name, depth] = pack.functions[columns.function[at]];
    const text = (column) => (columns[column][at] === null ? "" : pack.texts[columns[column][at]]);
    return {
      ctk, ctv, place, turn, name, depth,
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

  window.codeneedle = Object.freeze({ packs, made, itemOf, draw, drawDiff });
})();
