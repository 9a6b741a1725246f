// Starts the index of an archive: its parts are drawn, now and whenever something else is looked at.
(function () {
  "use strict";

  const {
    go, idsOf, one, prepareHistory, prepareList, returned, showChosen, showCompared, showHistory, showList, state, watch,
  } = window.codeneedle;

  function show() {
    showList();
    showChosen();
    showCompared();
    showHistory();
  }

  watch(show);
  prepareList();
  prepareHistory();
  one(".cn-go").addEventListener("click", () => {
    go({ compare: idsOf(state.chosen).join(".") });
    one(".cn-compare").scrollIntoView();
    one("#cn-compare").focus({ preventScroll: true });
  });
  one(".cn-clear").addEventListener("click", () => {
    go({ chosen: "", compare: "" }, { replace: idsOf(state.compare).length < 2 });
    one(".cn-text").focus({ preventScroll: true });
  });
  addEventListener("popstate", returned);
  addEventListener("hashchange", returned);
  show();
})();
