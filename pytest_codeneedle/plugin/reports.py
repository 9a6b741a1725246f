"""What pytest's own reports, and those of its plugins, may say where code is private.

A traceback has the source around it, with -l the values of variables; a rewritten assertion both of its sides; a
report what was printed meanwhile. All of it passes here before the terminal, JUnit or HTML gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.corpus.withheld import LEAST

if TYPE_CHECKING:
    import warnings
    from collections.abc import Generator

    from pytest_codeneedle.corpus.outward import Outward
    from pytest_codeneedle.plugin.session import GridSession

#: Deeper than what pytest makes of a chain of exceptions.
_DEEPEST = 12


class AtOnce:
    """Makes reports fit before the hooks of any other plugin see them: some write down what they see there."""

    def __init__(self, session: GridSession) -> None:
        self._session = session

    @pytest.hookimpl(wrapper=True, trylast=True)  # a wrapper: the innermost of them
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take out what is private, of the exception as well."""
        report = yield
        own, outward = own_message(item), self._session.plan.outward
        if call.excinfo is not None:
            fit_exception(call.excinfo.value, outward, own)
        fit_report(report, outward, own)
        return report


def own_message(item: pytest.Item) -> str | None:
    """What this package says of an item whose answer came; fit as it is."""
    recall = getattr(item, "funcargs", {}).get("recall")
    return None if recall is None else str(recall.explain())


def fit_exception(error: BaseException | None, outward: Outward, own: str | None = None, depth: int = 0) -> None:
    """Let an exception, and those that it came of, say only what may be seen: plugins show them beside the report."""
    if error is None or depth > _DEEPEST:
        return
    if str(error) != (own or "").strip():
        error.args = tuple(_told(part, outward) for part in error.args)
        if isinstance(error, pytest.fail.Exception):
            error.msg = None if error.msg is None else str(_told(error.msg, outward))
    fit_exception(error.__cause__, outward, own, depth + 1)
    fit_exception(error.__context__, outward, own, depth + 1)


def fit_report(report: pytest.TestReport | pytest.CollectReport, outward: Outward, own: str | None = None) -> None:
    """Let a report say only what may be seen. `own` is a message of this package's that is fit as it is."""
    if report.longrepr is not None and str(report.longrepr) != (own or "").strip():
        report.longrepr = fit(report.longrepr, outward)
    if isinstance(report, pytest.TestReport):
        report.user_properties = [(name, _told(value, outward)) for name, value in report.user_properties]
    if report.sections:
        report.sections = fit(report.sections, outward)


def _told(value: object, outward: Outward) -> object:
    """A property as it may be seen; nothing short is looked up, which would read the whole corpus for every session."""
    return outward(value) if isinstance(value, str) and len(value) >= LEAST else value


def fit_warning(warning: warnings.WarningMessage, outward: Outward) -> None:
    """Let a recorded warning say only what may be seen."""
    said = str(warning.message)
    shown = outward.told(said)
    if shown != said:
        warning.message = UserWarning(shown)


def fit(thing: Any, outward: Outward, depth: int = 0) -> Any:  # noqa: ANN401 - whatever pytest makes of an exception
    """The thing with every text in it as it may be seen: strings, lines, and what pytest's representations hold.

    What holds texts is changed in place, as other plugins have it too.
    """
    if isinstance(thing, str):
        return outward.told(thing)
    if depth > _DEEPEST:
        return thing
    if isinstance(thing, list | tuple):
        if isinstance(thing, list) and thing and all(isinstance(one, str) for one in thing):
            end = "" if all(line.endswith("\n") for line in thing) else "\n"
            return outward.told(end.join(thing)).split("\n") if end else [outward.told("".join(thing))]
        return type(thing)([fit(one, outward, depth + 1) for one in thing])
    for name, value in vars(thing).items() if hasattr(thing, "__dict__") else ():
        if name != "style":  # pytest's own word
            setattr(thing, name, fit(value, outward, depth + 1))
    return thing
