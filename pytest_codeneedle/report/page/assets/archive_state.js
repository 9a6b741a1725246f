// What the scripts of an archive's index share: its data, elements and figures, and the state in the address.
(function () {
  "use strict";

  const data = JSON.parse(document.getElementById("cn-archive").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const LEAST_LINES = 2, MATCHED = 1, SCORED = 2, ERRORS = 4, MARGIN = 5;
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

  // Whether fewer questions of a cell were answered than its run has.
  function isPartly(run, cell) {
    return cell[SCORED] < run.functions || cell[ERRORS] > 0;
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

  // So the browser's back button, and a link sent to others, lead to it.
  const KEYS = ["q", "model", "corpus", "build", "sort", "all", "history", "pairs", "chosen", "compare"];
  const FILTERS = ["model", "corpus", "build"];
  const state = read();
  let show = () => {};

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
    Object.assign(state, changes);
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
    Object.assign(state, read());
    show();
  }

  // What is to be done whenever something else is looked at.
  function watch(shown) {
    show = shown;
  }

  function idsOf(told) {
    return Array.from(new Set(told.split("."))).filter((id) => runOf.has(id)).slice(0, 2);
  }

  window.codeneedle = {
    ERRORS, FILTERS, LEAST_LINES, MARGIN, MATCHED, SCORED, address, calledBuild, cellOf, counted, data, draw, figure, filed,
    go, idsOf, isPartly, make, one, returned, runOf, shownCell, signed, state, watch,
  };
})();
