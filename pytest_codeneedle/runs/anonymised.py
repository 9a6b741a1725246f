"""What an archive keeps of a run: all that its figures were made of, without the paths and hosts of a machine.

Lines of code, and answers that may quote them, are kept of public corpora alone, unless somebody says otherwise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.shareable import bare_name, shareable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: In run.json of a kept run: whether its answers and the lines that they are held against are there.
ANSWERS_KEPT = "answers_kept"
#: In run.json of a kept run: the devices that its servers' logs named; the logs themselves are not kept.
GPUS = "gpus"
_ANSWER = ("response", "after")
_EXPECTED = ("primary", "bonus")
#: Lines and figures that are no words of a machine: they stay as they are.
_AS_IT_IS = frozenset((*_ANSWER, *_EXPECTED, "margins", "chat_template"))
#: Of private code they are counted.
_FILES = ("corpus_files", "skipped_files")
#: What stands for the value of what a request sets, where the code is private: it may quote it.
NOT_KEPT = "not kept"
_SAID = ("error", "problem")
#: Names of one file each, spaces and all, where they are no command.
_FILE = ("model", "model_file", "server")
_PATH = re.compile(r"(?:~[\w.-]*|\.{1,2}|[A-Za-z]:)?[/\\](?:(?! -)[^\n])*")
#: What `shareable` leaves of a path in running text: one behind a bracket, a backtick, a colour code.
_PATH_LEFT = re.compile(r"(?<![\w/.:])(?:[A-Za-z]:)?(?:[/\\][^\s'\"/\\<>|`()\[\]{},;:]+){2,}")
_ADDRESS = re.compile(r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_IN_URL = re.compile(r"://(?:[^/@\s]*@)?(\[[^\]]+\]|[^/:\s'\"]+)")
_HERE = frozenset(("localhost", "127.0.0.1", "0.0.0.0", "::1", "[::1]"))  # noqa: S104 - recognized, not listened on
_WORTH_LOOKING_AT = re.compile(r"[/\\~]|--rpc|--host|LLAMA_ARG_|(?:\d+\.){3}\d")
_HOST = "HOST"
#: The machine on which pytest was started, as `hosts.LOCAL` has it.
_LOCAL = "local"
#: A word that is replaced wherever it stands has to be longer than what stands in other words by chance.
_LEAST_WORD = 4
_FEW_TIMES = 5


def keeps_answers(about: Mapping[str, Any], *, with_answers: bool) -> bool:
    """Whether answers and expected lines are kept: of a public corpus that was not run with --kv-redact, or as asked.

    What an archive has left out before is not there to be kept.
    """
    if about.get(ANSWERS_KEPT) is False:
        return False
    return with_answers or not (about.get("private") or about.get("redact"))


def kept(
    about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], gpus: Sequence[str] = (), *, answers: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(run.json, rows) as an archive keeps them: the same for the same run on every machine.

    What is kept already comes out as it went in. `gpus` are the devices that the servers' logs name. All rows are kept,
    of earlier states of the run too.
    """
    hosts = _hosts(about, rows)
    words = _Words(about, hosts, private=bool(about.get("private")), answers=answers)
    told = words.about({**about, GPUS: about[GPUS] if GPUS in about else list(gpus)})
    return {**told, ANSWERS_KEPT: answers}, [words.row(row) for row in rows]


def _hosts(about: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What the machines that took part are called, by their names, in the order in which they are met."""
    listed = about.get("hosts")
    names = [str(one.get("name")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    met = dict.fromkeys([*names, *(str(row["host"]) for row in rows if row.get("host"))])
    others = [name for name in met if name != _LOCAL]
    return {_LOCAL: _LOCAL, **{name: f"host {number}" for number, name in enumerate(others, 1)}}


class _Words:
    """Takes the machine out of what a run says. `hosts` are the new names of those that took part."""

    def __init__(self, about: Mapping[str, Any], hosts: Mapping[str, str], *, private: bool, answers: bool) -> None:
        self._hosts, self._private, self._answers = hosts, private, answers
        known = {**dict(_known(about)), **hosts}
        longest = "|".join(re.escape(word) for word in sorted(known, key=lambda word: (-len(word), word)))
        self._known, self._words = known, re.compile(rf"(?<![\w-])(?:{longest})(?![\w-])")

    def about(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """run.json, or a state of the run before that stands in it."""
        told = {key: self._value(key, value) for key, value in about.items()}
        if isinstance(about.get("functions"), list):
            told["functions"] = [self._function(one) for one in about["functions"]]
        if isinstance(about.get("earlier"), list):
            told["earlier"] = [self.about(one) if isinstance(one, dict) else one for one in about["earlier"]]
        if isinstance(about.get("hosts"), list):
            told["hosts"] = [self._host(one) for one in about["hosts"] if isinstance(one, dict)]
        if isinstance(about.get("merged"), list):
            told["merged"] = [self._part(one) for one in about["merged"] if isinstance(one, dict)]
        if self._private:
            told.update(self._unnamed(about))
        return told

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """One result."""
        told = {key: self._value(key, value) for key, value in row.items() if self._answers or key not in _ANSWER}
        if self._private and isinstance(row.get("harness"), dict):
            told["harness"] = {key: one for key, one in told["harness"].items() if key != "source_file"}
        if row.get("host"):
            told["host"] = self._hosts[str(row["host"])]
        return told

    def _value(self, key: str, value: Any) -> Any:  # noqa: ANN401 - a value as JSON has it
        if key in _AS_IT_IS:
            return value
        if key in _SAID and isinstance(value, str):
            return self._said(value)
        return _bare(value, key)

    def _said(self, text: str) -> str:
        """What went wrong, line by line; of private code no more than the first line, which is ours."""
        lines = text.split("\n")
        if self._private:
            lines = [lines[0].partition(". The last lines of")[0]]
        return "\n".join(map(self._line, lines))

    def _line(self, line: str) -> str:
        for _ in range(_FEW_TIMES):
            before = line
            line = self._words.sub(lambda found: self._known[found[0]], line)
            line = _PATH_LEFT.sub(lambda found: bare_name(found[0]), _bare(line))
            if line == before:
                break
        return line

    def _function(self, function: Any) -> Any:  # noqa: ANN401 - as above
        if not isinstance(function, dict):
            return function
        told = {key: self._value(key, one) for key, one in function.items() if self._answers or key not in _EXPECTED}
        return {key: one for key, one in told.items() if not self._private or key != "source"}

    def _host(self, host: Mapping[str, Any]) -> dict[str, Any]:
        told = {key: self._value(key, value) for key, value in host.items() if key != "hostname"}
        return {**told, "name": self._hosts[str(host.get("name"))]}

    def _part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        return {**{key: self._value(key, value) for key, value in part.items()}, "run": bare_name(str(part.get("run")))}

    def _unnamed(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """How many files a private tree has, and what a request sets: neither their names nor its values."""
        told: dict[str, Any] = {key: len(about[key]) for key in _FILES if isinstance(about.get(key), list | dict)}
        if isinstance(about.get("request"), dict):
            told["request"] = _unsaid(about["request"])
        for key, part, value in (("trim", "dropped", len), ("identity", "request", _unsaid)):
            of_part = about[key].get(part) if isinstance(about.get(key), dict) else None
            if isinstance(of_part, list | dict):
                told[key] = {**self._value(key, about[key]), part: value(of_part)}
        return told


def _unsaid(request: Mapping[str, Any] | Sequence[Any]) -> dict[str, str]:
    return dict.fromkeys(map(str, request), NOT_KEPT)


def _known(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Paths and hosts that run.json names: in what a server said they are found again, spaces and all."""
    for key, text in _texts("", about):
        if "\n" in text or len(text) < _LEAST_WORD:
            continue
        hosts = [text] if key == "hostname" else _IN_URL.findall(text)
        yield from ((host, _HOST) for host in hosts if len(host) >= _LEAST_WORD and host not in _HERE)
        if text.startswith(("/", "~")):
            yield text, bare_name(text)


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - a value as JSON has it
    """All texts in it, each with the name that it has there."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, one in value.items():
            if name not in _AS_IT_IS:
                yield from _texts(name, one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(key, one)


def _bare(value: Any, key: str = "") -> Any:  # noqa: ANN401 - as above
    """The value without paths and hosts; taken once more it is the same."""
    if isinstance(value, str):
        if not _WORTH_LOOKING_AT.search(value):
            return value
        if key in _FILE and _PATH.fullmatch(value):
            return bare_name(value)
        return _ADDRESS.sub(_HOST, _settled(value))
    if isinstance(value, dict):
        return {name: _bare(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_ADDRESS.sub(_HOST, one) if isinstance(one, str) else _bare(one) for one in _settled(value)]
    return value


def _settled(value: Any) -> Any:  # noqa: ANN401 - as above
    """What `shareable` makes of it, until that changes nothing more."""
    for _ in range(_FEW_TIMES):
        told = shareable(value)
        if told == value:
            break
        value = told
    return value
