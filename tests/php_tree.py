"""A seeded PHP application of any size: a stand-in for the private code that corpora are made of.

Services, repositories, controllers, enums, traits, templates and files of functions, with whatever makes PHP
hard to read: heredocs, braces in strings and comments, HTML, attributes, closures, CRLF. PHP 8.1 compiles it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_VERBS = """
    apply archive assign build calculate cancel check collect compare confirm create describe dispatch estimate
    export fetch filter find group import load merge notify parse prepare process publish reconcile refund
    register render reserve resolve schedule split store suggest summarize sync track update validate verify
""".split()  # noqa: SIM905 - as a list it would fill a screen
_NOUNS = """
    account address basket booking branch campaign carrier catalog claim contract coupon customer delivery
    deposit document employee invoice ledger mandate message offer order parcel payment pledge price product
    quota receipt region report return route shipment sku stock subscription supplier tariff ticket transfer
    vehicle voucher warehouse
""".split()  # noqa: SIM905 - as a list it would fill a screen
_FIELDS = """
    amount balance code count currency duration email id label name position rate reference status total weight
""".split()  # noqa: SIM905 - as a list it would fill a screen
_REMARKS = (
    "the carrier's API counts from { 1 }",
    'see ticket {n}: "don\'t" round before function totals() {{',
    "TODO: drop this once } is gone",
    "größer als {n} € ist nicht erlaubt",
    "keep in step with the nightly job {n}",
)


def write_tree(folder: Path, *, target_bytes: int, seed: int) -> list[Path]:
    """Write PHP files of at least `target_bytes` in all below `folder`; their paths, in the order of writing.

    The same arguments give the same bytes. Names of functions are distinct, but for `__construct` and the closure
    `onError`; a third of the bodies have 25 to 60 lines. Every seventh file has CRLF line ends.
    """
    writer = _Writer(random.Random(seed))
    paths: list[Path] = []
    written = 0
    while written < target_bytes:
        name, text = writer.file(len(paths))
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text.replace("\n", "\r\n" if len(paths) % 7 == 6 else "\n").encode()
        path.write_bytes(content)
        paths.append(path)
        written += len(content)
    return paths


class _Writer:
    """Texts of files, drawn from one generator."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._names: set[str] = set()

    def file(self, number: int) -> tuple[str, str]:
        """The path and the text of the file of that number; the kinds take turns."""
        kinds = (
            ("src/Service/{}Service.php", self._service),
            ("src/Repository/{}Repository.php", self._repository),
            ("src/Controller/{}Controller.php", self._controller),
            ("src/Support/{}Functions.inc", self._functions),
            ("src/Model/{}State.php", self._enum),
            ("templates/{}.phtml", self._template),
            ("src/Concern/Tracks{}.php", self._trait),
            ("src/Job/{}Job.php", self._job),
        )
        path, write = kinds[number % len(kinds)]
        subject = self._distinct(lambda: f"{self._noun().title()}{self._noun().title()}")
        return path.format(subject), "\n".join(["<?php", "", *write(subject), ""])

    # What a file is made of.

    def _service(self, subject: str) -> Iterator[str]:
        yield from self._opening("Service")
        yield f"final class {subject}Service extends BaseService implements HandlesInput"
        yield "{"
        yield f"    private const LIMITS = ['low' => {self._number()}, 'high' => {self._number()}, '}}' => '{{'];"
        yield from self._constructor()
        yield from self._methods(4)
        yield "}"

    def _repository(self, subject: str) -> Iterator[str]:
        yield from self._opening("Repository")
        yield f"/** @extends Repository<array{{id: int, name: string}}> of {subject} */"
        yield f"class {subject}Repository extends Repository"
        yield "{"
        yield f"    use Tracks{self._noun().title()}, Caches {{ Caches::forget as private forgetCached; }}"
        yield from self._constructor()
        yield from self._methods(4)
        yield "}"

    def _controller(self, subject: str) -> Iterator[str]:
        yield from self._opening("Controller")
        yield f"#[Route('/{subject.lower()}/{{id}}', methods: ['GET', 'POST'])]"
        yield f"final class {subject}Controller"
        yield "{"
        for _ in range(3):
            yield "    #[Route("
            yield f"        path: '/{self._noun()}/{{number}}',"
            yield f"        name: '{self._noun()}_{self._number()}',"
            yield "    )]"
            yield from self._method()
        yield "}"

    def _enum(self, subject: str) -> Iterator[str]:
        yield from self._opening("Model")
        yield f"enum {subject}State: string"
        yield "{"
        nouns = self._rng.sample(_NOUNS, 5)
        for noun in nouns:
            yield f"    case {noun.title()}State = '{noun}';"
        name = self._name()
        yield ""
        yield f"    public function {name}Label(): string"
        yield "    {"
        yield "        return match ($this) {"
        for noun in nouns:
            yield f"            self::{noun.title()}State => 'The {noun} {{{self._number()}}}',"
        yield "        };"
        yield "    }"
        yield from self._methods(2)
        yield "}"

    def _trait(self, subject: str) -> Iterator[str]:
        yield from self._opening("Concern")
        yield f"trait Tracks{subject}"
        yield "{"
        yield f"    abstract protected function {self._name()}(): string;"
        yield from self._methods(3)
        yield "}"

    def _job(self, subject: str) -> Iterator[str]:
        yield from (f"namespace App\\Job\\{subject} {{", "", f"interface {subject}Job", "{")
        yield f"    public function {self._name()}(int $id): void;"
        yield "}"
        yield ""
        yield from self._function()
        yield "}"
        yield ""
        yield "namespace {"
        yield f"    return new class('{self._noun()}') implements \\App\\Job\\{subject}\\{subject}Job {{"
        yield from (f"    {line}" if line else "" for line in self._methods(2))
        yield "    };"
        yield "}"

    def _functions(self, subject: str) -> Iterator[str]:
        yield f"# Functions of {subject}: {{ none of them is pure"
        for _ in range(2):
            yield ""
            yield from self._function()
        inner = self._name()
        yield ""
        yield f"if (!function_exists('{inner}')) {{"
        yield from (f"    {line}" if line else "" for line in self._function(inner))
        yield "}"
        yield ""
        yield f"${self._name()} = static function (array $rows) use (&$total): ?array {{"
        yield from self._body(self._length(), 1)
        yield "};"

    def _template(self, subject: str) -> Iterator[str]:
        yield f"/** @var array $rows of {subject} */"
        yield f"$title = 'List of {subject}'; ?>"
        yield "<!DOCTYPE html>"
        yield "<style>body { margin: 0 }</style>"
        yield "<h1><?= htmlspecialchars($title) ?></h1>"
        for _ in range(2):
            yield f"<?php function {self._name()}(array $rows, string $caption = '}}'): void {{ ?>"
            yield '    <table class="rows"><caption>It\'s { <?= $caption ?></caption>'
            for _ in range(self._length() // 4):
                field = self._field()
                yield f"    <?php if (isset($rows['{field}'])): ?>"
                yield f"        <td data-n=\"{self._number()}\"><?= $rows['{field}'] ?? '€' ?></td>"
                yield f"        <script>function show{self._number()}() {{ alert('{field}'); }}</script>"
                yield "    <?php endif; // } ?>"
            yield "    </table>"
            yield "<?php } ?>"
        yield "<p>}</p>"

    @staticmethod
    def _opening(layer: str) -> list[str]:
        uses = "use App\\Kernel\\{Clock, Log, Route};\nuse function App\\Support\\{clamp, rounded};"
        return ["declare(strict_types=1);", "", f"namespace App\\{layer};", "", uses, ""]

    # Functions.

    def _constructor(self) -> list[str]:
        return [
            "    public function __construct(",
            f"        private readonly {self._noun().title()}Gateway $gateway,",
            "        #[Tagged('rows {')] private iterable $rows = [],",
            f"        protected ?string $label = '{self._noun()}',",
            "    ) {",
            "        $this->onError = function (\\Throwable $error): void {",
            f'            Log::warning("{self._noun()} {{$error->getMessage()}} in {{$this->label}}");',
            "        };",
            "    }",
        ]

    def _methods(self, count: int) -> Iterator[str]:
        for _ in range(count):
            yield ""
            yield from self._method()

    def _method(self) -> Iterator[str]:
        if self._rng.random() < 0.5:
            yield from ("    /**", f"     * {self._remark()}", "     *", "     * @return array<string, int>", "     */")
        modifiers = self._rng.choice(["public", "private", "protected", "public static", "final public"])
        yield from (f"    {line}" if line else "" for line in self._function(modifiers=modifiers + " "))

    def _function(self, name: str = "", modifiers: str = "") -> Iterator[str]:
        head = f"{modifiers}function {name or self._name()}"
        noun = self._noun()
        match self._rng.randrange(3):
            case 0:
                yield from (f"{head}(array $rows, int $limit = {self._number()}): ?array", "{")
            case 1:
                yield f"{head}(string|int ${noun}, array &$rows = ['}}' => '{{']) {{"
            case _:
                yield from (
                    f"{head}(",
                    f"    ?object ${noun},",
                    "    array $rows = [],",
                    "    mixed ...$rest,",
                    "): array {",
                )
        yield from self._body(self._length(), 1)
        yield "}"

    def _length(self) -> int:
        return self._rng.randint(3, 15) if self._rng.random() < 0.2 else self._rng.randint(25, 55)

    def _body(self, length: int, depth: int) -> list[str]:
        lines: list[str] = []
        while len(lines) < length - 1:
            lines += self._statement(depth)
        lines.append(f"return $rows['{self._field()}'] ?? [{self._number()}];")
        # A heredoc's lines move with its closing mark; a blank line stays blank.
        return [f"    {line}" if line else "" for line in lines]

    # Statements.

    def _statement(self, depth: int) -> list[str]:
        simple: list[Callable[[], list[str]]] = [
            *[self._assignment] * 6,
            *[self._text] * 3,
            *(self._sql, self._comment, self._matching, self._sorting, self._markup, self._options),
        ]
        nesting = [*[self._condition] * 4, *[self._loop] * 3, self._attempt, self._closure, self._object, self._choice]
        if depth < 3 and self._rng.random() < 0.45:
            return self._rng.choice(nesting)(depth + 1)
        return self._rng.choice(simple)()

    def _block(self, depth: int) -> list[str]:
        lines = [line for _ in range(self._rng.randint(1, 3)) for line in self._statement(depth)]
        return [f"    {line}" if line else "" for line in lines]

    def _condition(self, depth: int) -> list[str]:
        lines = [f"if ($rows['{self._field()}'] > {self._number()} && !empty(${self._noun()})) {{", *self._block(depth)]
        if self._rng.random() < 0.3:
            lines += ["} else {", *self._block(depth)]
        return [*lines, "}"]

    def _loop(self, depth: int) -> list[str]:
        noun = self._noun()
        return [f"foreach (${noun}Rows ?? [] as $key => ['{self._field()}' => ${noun}]) {{", *self._block(depth), "}"]

    def _attempt(self, depth: int) -> list[str]:
        return [
            "try {",
            *self._block(depth),
            "} catch (\\DomainException | \\LengthException $error) {",
            f'    throw new Failed("{self._noun()} {{$error->getCode()}} }} {self._number()}", previous: $error);',
            "}",
        ]

    def _closure(self, depth: int) -> list[str]:
        target = self._rng.choice(["${}", "$GLOBALS['x']->{}", "\\App\\Registry::${}", "${}"]).format(self._name())
        equals = self._rng.choice(["=", "=", "??="])
        static = self._rng.choice(["", "static ", "#[Pure] static "])
        return [f"{target} {equals} {static}function (array $row) use (&$rows): mixed {{", *self._block(depth), "};"]

    def _object(self, depth: int) -> list[str]:
        return [
            f"$listener = new class({self._number()}) extends Listener {{",
            f"    public function {self._name()}(int $id, ?array $rows = null): void",
            "    {",
            *(f"    {line}" if line else "" for line in self._block(depth)),
            "    }",
            "};",
        ]

    def _choice(self, depth: int) -> list[str]:
        return [
            f"switch (${self._noun()}['{self._field()}'] ?? null) {{",
            f"    case '{self._noun()}':",
            *(f"    {line}" if line else "" for line in self._block(depth)),
            "        break;",
            "    default:",
            f"        ${self._noun()} = {self._number()};",
            "}",
        ]

    def _assignment(self) -> list[str]:
        noun, other, field = self._noun(), self._noun(), self._field()
        return [
            self._rng.choice(
                [
                    f"${noun} = App::get('{other}')->{self._verb()}(${other}, ['{field}' => {self._number()}]);",
                    f"${noun}['{field}'] = ($rows['{field}'] ?? 0) * {self._number()} / {self._number()};",
                    f"${noun}?->{self._verb()}({field}: '{other}', limit: {self._number()});",
                    f"[${noun}, ${other}] = [{self._number()}, ${noun} ?? '{field}'];",
                    f"${noun} ??= array_map(fn (array $row): int => $row['{field}'] + {self._number()}, $rows);",
                    f"${noun} = array_filter($rows, strlen(...)) ?: [{self._number()}];",
                ]
            )
        ]

    def _text(self) -> list[str]:
        noun, number = self._noun(), self._number()
        return [
            self._rng.choice(
                [
                    f"$message = \"{noun} {{$rows['{self._field()}']}} of ${noun} }} {number}\";",
                    f"$message = 'function {noun}() {{ ' . \"\\{{$rows\" . '{number} größer';",
                    f"$message = sprintf('%s {{%d}} € %s', ${noun}, {number}, \"$rows[{self._field()}] {{\");",
                    f"echo '<p class=\"{noun}\">', ${noun} ?? \"{{}}\", '</p> ?> {number}';",
                ]
            )
        ]

    def _sql(self) -> list[str]:
        noun, field = self._noun(), self._field()
        if self._rng.random() < 0.3:
            return ["$query = <<<'SQL'", f"    SELECT '{{$' AS {field} -- function {noun}() {{", "    SQL;"]
        return [
            "$query = Query::of(<<<SQL",
            f"    SELECT {field}, '{{' AS mark FROM {noun}",
            f"    WHERE {self._field()} > {{$rows['{field}']}} AND $limit < {self._number()} }}",
            "    ORDER BY 1",
            f"    SQL, {self._number()});",
        ]

    def _comment(self) -> list[str]:
        mark = self._rng.choice(["//", "#", "/*"])
        return [f"{mark} {self._remark()}{' */' if mark == '/*' else ''}", *self._assignment()]

    def _matching(self) -> list[str]:
        noun = self._noun()
        return [
            f"${noun} = match (true) {{",
            f"    $rows['{self._field()}'] > {self._number()}, ${noun} === null => '{{',",
            f"    default => throw new \\LogicException('{noun} {self._number()}'),",
            "};",
        ]

    def _sorting(self) -> list[str]:
        field = self._field()
        return [
            "usort($rows, static function (array $left, array $right): int {",
            f"    return $left['{field}'] <=> $right['{field}'] ?: {self._number()};",
            "});",
        ]

    def _markup(self) -> list[str]:
        return ["?>", f"<div id=\"{self._noun()}\">{{ it's <?= $rows['{self._field()}'] ?></div> }}", "<?php"]

    def _options(self) -> list[str]:
        return [
            "$options = [",
            f"    '{self._field()}' => function ($value) {{",
            f"        return $value ?? {self._number()};",
            "    },",
            f"    '{self._noun()}' => [...$rows, {self._number()}],",
            "];",
        ]

    # Words.

    def _name(self) -> str:
        return self._distinct(lambda: self._verb() + self._noun().title() + self._field().title())

    def _distinct(self, draw: Callable[[], str]) -> str:
        name = draw()
        while name.lower() in self._names:
            name = f"{draw()}{len(self._names)}"
        self._names.add(name.lower())
        return name

    def _verb(self) -> str:
        return self._rng.choice(_VERBS)

    def _noun(self) -> str:
        return self._rng.choice(_NOUNS)

    def _field(self) -> str:
        return self._rng.choice(_FIELDS)

    def _number(self) -> int:
        return self._rng.randint(2, 9999)

    def _remark(self) -> str:
        return self._rng.choice(_REMARKS).replace("{n}", str(self._number()))
