"""Where a corpus's files come from: globs and exclusions, encodings, links, packages."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus.corpus import Corpus, load_corpus

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "def {name}():\n    a = 1\n    b = 2\n"


def write(root: Path, name: str, content: str | bytes | None = None) -> Path:
    """A file below `root`; without content a Python function that is called as the file."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = CODE.format(name=path.stem) if content is None else content
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def corpus(root: Path, table: str, *, skip_unparsable: bool = False) -> Corpus:
    """The corpus `mine` with this source table."""
    write(root, "corpora/mine.toml", table)
    return load_corpus("mine", root, min_lines=2, skip_unparsable=skip_unparsable)


def files(root: Path, keys: str) -> tuple[str, ...]:
    """The files that a `[files]` table with these keys takes out of `src`."""
    return corpus(root, f'[files]\ndirectory = "src"\n{keys}\n').files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree of Python files."""
    for name in ("a.py", "b.py", "lib/c.py", "lib/tests/test_d.py", "vendor/x/e.py", "vendor/f.py"):
        write(tmp_path, f"src/{name}")
    write(tmp_path, "src/lib/notes.txt", "no code")
    return tmp_path


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('glob = "*.py"', "a.py b.py"),
        ('glob = "**/*.py"', "a.py b.py lib/c.py lib/tests/test_d.py vendor/f.py vendor/x/e.py"),
        ('glob = ["b.py", "lib/*.py"]', "b.py lib/c.py"),
        ('glob = ["*.py", "a.py"]', "a.py b.py"),
        ('glob = "vendor/**"', "vendor/f.py vendor/x/e.py"),
        ('glob = "**/*.py"\nexclude = "vendor"', "a.py b.py lib/c.py lib/tests/test_d.py"),
        ('glob = "**/*.py"\nexclude = "vendor/**"', "a.py b.py lib/c.py lib/tests/test_d.py"),
        ('glob = "**/*.py"\nexclude = ["vendor", "**/tests"]', "a.py b.py lib/c.py"),
        ('glob = "**/*.py"\nexclude = ["**/test_*.py", "?.py"]', "lib/c.py vendor/f.py vendor/x/e.py"),
        ('glob = "**/*.py"\nexclude = []', "a.py b.py lib/c.py lib/tests/test_d.py vendor/f.py vendor/x/e.py"),
        ('glob = "**/*.py"\nlimit = 3', "a.py b.py lib/c.py"),
        ('glob = "**/*.py"\nexclude = "a.py"\nlimit = 2', "b.py lib/c.py"),
        ('glob = "*.py"\nlimit = 99', "a.py b.py"),
    ],
)
def test_which_files_are_taken(tree: Path, keys: str, expected: str) -> None:
    """Globs add up, each file comes once and in the order of paths; an excluded folder takes all below it along."""
    assert tuple(expected.split()) == files(tree, keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("limit = 3", '[files] wants a glob, for instance glob = "**/*.py"'),
        ("glob = []", "[files] glob = [] matches no file in {root}/src"),
        ('glob = ["*.rb", "*.js"]', "[files] glob = ['*.rb', '*.js'] matches no file in {root}/src"),
        ('glob = "*.py"\nexclude = "*"', "[files] exclude = '*' leaves no file of glob = '*.py'"),
        ("glob = 3", "[files] glob = 3 is not a string or a list of strings"),
        ('glob = ["*.py", 3]', "[files] glob = ['*.py', 3] is not a string or a list of strings"),
        ('glob = "*.py"\nexclude = "/etc"', "[files] exclude = '/etc': Non-relative patterns are unsupported"),
        ('glob = "*.py"\nlimit = 0', "[files] limit = 0 is not a whole number of 1 or more"),
        ('glob = "*.py"\nencoding = "klingon"', "[files] encoding = 'klingon' is no text encoding; for instance"),
        ('glob = "*.py"\nencoding = "base64"', "[files] encoding = 'base64' is no text encoding; for instance"),
        (
            "glob = '**/*'",
            "lib/notes.txt: of no language that is read: .txt (1); there is python (.py",
        ),
    ],
)
def test_mistakes(tree: Path, keys: str, said: str) -> None:
    """A glob that finds nothing, and values of the wrong kind, are named with the key and the value."""
    with pytest.raises(CorpusError) as caught:
        files(tree, keys)
    assert f"toml): {said.format(root=tree)}" in str(caught.value)


def test_a_link_that_leaves_the_directory_is_refused(tree: Path) -> None:
    """The message has both places; a link that stays within is a file like any other."""
    (tree / "src" / "inside.py").symlink_to(tree / "src" / "a.py")
    assert ("a.py", "b.py", "inside.py") == files(tree, 'glob = "*.py"')

    secret = write(tree, "elsewhere/secret.py")
    (tree / "src" / "z.py").symlink_to(secret)
    with pytest.raises(CorpusError) as caught:
        files(tree, 'glob = "*.py"')
    assert f"{tree}/src/z.py leaves the corpus directory: it is {secret}; exclude it" in str(caught.value)
    assert ("a.py", "b.py", "inside.py") == files(tree, 'glob = "*.py"\nexclude = "z.py"')


def test_a_folder_behind_a_link_and_dots_leave_too(tree: Path) -> None:
    """The same for a linked folder above a file, and for a glob that climbs."""
    write(tree, "elsewhere/secret.py")
    (tree / "src" / "linked").symlink_to(tree / "elsewhere")
    for glob in ("linked/*.py", "../elsewhere/*.py"):
        with pytest.raises(CorpusError, match="leaves the corpus directory"):
            files(tree, f'glob = "{glob}"')


def test_a_link_to_nothing_is_refused(tree: Path) -> None:
    """Unless it is excluded."""
    (tree / "src" / "gone.py").symlink_to(tree / "nowhere.py")
    with pytest.raises(CorpusError, match=r"src/gone\.py is a link to nothing; exclude it$"):
        files(tree, 'glob = "*.py"')
    assert ("a.py", "b.py") == files(tree, 'glob = "*.py"\nexclude = "gone.py"')


def test_what_was_passed_over_is_noted(tree: Path) -> None:
    """An exclusion that matches nothing may be a slip; `**` does not follow links to folders."""
    (tree / "src" / "linked").symlink_to(tree / "src" / "lib")
    found = corpus(tree, '[files]\ndirectory = "src"\nglob = "**/*.py"\nexclude = ["src/vendor", "vendor"]\n')

    assert ("a.py", "b.py", "lib/c.py", "lib/tests/test_d.py") == found.files
    assert ("exclude 'src/vendor' matches nothing in src", "links to folders are not followed: linked") == found.notes
    assert () == corpus(tree, '[files]\ndirectory = "src"\nglob = "*.py"\n').notes


def test_a_folder_that_cannot_be_read_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files would be missing without a word. The refusal is a fake: root may read all."""
    real = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("lib"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(CorpusError, match=r"src/lib: Permission denied; exclude the folder$"):
        files(tree, 'glob = "**/*.py"')
    assert ("a.py", "b.py", "vendor/f.py", "vendor/x/e.py") == files(tree, 'glob = "**/*.py"\nexclude = "lib"')


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        ("nowhere", "[files] directory {root}/nowhere is not there"),
        ("~no-such-user/x", "[files] directory {root}/~no-such-user/x is not there"),
        ("src/a.py", "[files] directory {root}/src/a.py is a file: name the folder, and the file as glob"),
    ],
)
def test_a_directory_that_is_none(tree: Path, directory: str, said: str) -> None:
    """Not there, or something else."""
    with pytest.raises(CorpusError) as caught:
        corpus(tree, f'[files]\ndirectory = "{directory}"\nglob = "*.py"\n')
    assert said.format(root=tree) in str(caught.value)


def test_names_of_files_are_one_line_of_text_in_a_header(tmp_path: Path) -> None:
    """Whatever bytes the file system takes."""
    for name in (b"b\xff.py", b"new\nline\x1b[31m.py"):
        Path(os.fsdecode(bytes(tmp_path) + b"/src/" + name)).parent.mkdir(exist_ok=True)
        Path(os.fsdecode(bytes(tmp_path) + b"/src/" + name)).write_text(CODE.format(name="f"), encoding="utf-8")
    found = corpus(tmp_path, '[files]\ndirectory = "src"\nglob = "*.py"\n')

    assert ("b\ufffd.py", "new\\nline\\x1b[31m.py") == found.files
    assert "# ====== new\\nline\\x1b[31m.py ======\n" in found.text
    assert 64 == len(found.sha256)


@pytest.mark.parametrize(("name", "label"), [("os", "os.py"), ("json", "json/__init__.py"), ("ast", "ast.py")])
def test_modules_of_the_standard_library(tmp_path: Path, name: str, label: str) -> None:
    """Those that the interpreter has frozen into itself, too."""
    found = corpus(tmp_path, f'[module]\nname = "{name}"\n')
    assert (label,) == found.files
    assert found.functions


def test_a_parser_quotes_no_code_where_none_may_be_shown(tmp_path: Path) -> None:
    """File and line are told all the same."""
    write(tmp_path, "src/a.js", 'const password := "hunter2";\n')
    write(tmp_path, "corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.js"\n')
    with pytest.raises(CorpusError, match="hunter2"):
        load_corpus("mine", tmp_path)
    with pytest.raises(CorpusError, match=r": a\.js, line 1: not JavaScript; exclude the file, or leave such"):
        load_corpus("mine", tmp_path, quote=False)


def test_no_repr_shows_code(tmp_path: Path) -> None:
    """Failing tests print the values that they hold."""
    write(tmp_path, "src/a.py", "def f():\n    secret = 1\n    b = 2\n")
    found = corpus(tmp_path, '[files]\ndirectory = "src"\nglob = "*.py"\n')
    assert "secret" in found.functions[0].body[0]
    assert "secret" not in repr(found)


def test_the_directory_itself_may_be_a_link(tree: Path) -> None:
    """It was named by the user."""
    (tree / "alias").symlink_to(tree / "src")
    assert ("a.py", "b.py") == corpus(tree, '[files]\ndirectory = "alias"\nglob = "*.py"\n').files


def test_an_encoding_is_taken_at_its_word(tmp_path: Path) -> None:
    """The text is what the bytes say in that encoding, without a byte-order mark."""
    code = "def kühn():\n    ä = 'é'\n    b = 2\n"
    for encoding in ("cp1252", "utf-16", "utf-8-sig", "latin-1"):
        write(tmp_path, "src/a.py", code.encode(encoding))
        found = corpus(tmp_path, f'[files]\ndirectory = "src"\nglob = "*.py"\nencoding = "{encoding}"\n')
        assert (code, "kühn") == (found.text, found.functions[0].name)


def test_bytes_that_are_no_text_are_named_with_their_offset(tmp_path: Path) -> None:
    """The file, the encoding, and the byte: one can look there."""
    path = write(tmp_path, "src/a.py", b"# a\n# \x81\n")
    for encoding, name in (("utf-8", "UTF-8"), ("cp1252", "cp1252")):
        with pytest.raises(CorpusError) as caught:
            files(tmp_path, f'glob = "*.py"\nencoding = "{encoding}"')
        assert f"{path}: not {name} at byte 6" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_characters_are_known(tmp_path: Path, encoding: str) -> None:
    """Without a mark too, where it would be read as text full of NULs: the encoding to set is named."""
    write(tmp_path, "src/a.py", "def f(): pass\n".encode(encoding))

    with pytest.raises(CorpusError, match=rf'it may be UTF-\d\d: set encoding = "{encoding}", or exclude the file$'):
        files(tmp_path, 'glob = "*.py"')


def test_files_that_cannot_be_read_as_code_may_be_left_out(tmp_path: Path) -> None:
    """Each with its reason, whether its bytes are no text or its text is no code; the others keep their places."""
    write(tmp_path, "src/a.py")
    write(tmp_path, "src/b.py", "def b(:\n")
    write(tmp_path, "src/c.py", b"\xff")
    write(tmp_path, "src/d.py")
    table = '[files]\ndirectory = "src"\nglob = "*.py"\n'
    found = corpus(tmp_path, table, skip_unparsable=True)

    assert ("a.py", "d.py") == found.files
    assert {"b.py", "c.py"} == {one.label for one in found.skipped}
    reasons = {one.label: one.reason for one in found.skipped}
    assert reasons["b.py"].startswith("b.py, line 1: not Python ")
    assert "c.py: not UTF-8 at byte 0; set encoding, or exclude the file" == reasons["c.py"]
    rows = found.text.split("\n")
    assert [CODE.format(name=f.name).split("\n")[1] for f in found.functions] == [
        rows[f.start_line - 1] for f in found.functions
    ]
    with pytest.raises(CorpusError, match=r"c\.py: not UTF-8"):
        corpus(tmp_path, table)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `box.inner` whose import fails, with a data file."""
    write(tmp_path, "site/box/inner/__init__.py", "raise RuntimeError('imported')\n")
    path = write(tmp_path, "site/box/inner/data/f.js", "function f() {\n  a;\n  b;\n}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return path


def test_a_data_file_of_a_package(tmp_path: Path, package: Path) -> None:
    """It is found without importing the package, and checked against its hash."""
    sha256 = hashlib.sha256(package.read_bytes()).hexdigest()
    found = corpus(tmp_path, f'[package]\nname = "box.inner"\npath = "data/f.js"\nsha256 = "{sha256.upper()}"\n')

    assert (("data/f.js",), "javascript", "f") == (found.files, found.language, found.functions[0].name)
    assert (False, False) == (found.private, found.generated)
    assert "box.inner" not in sys.modules


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('name = "bag.inner"\ninstall = "bag[x]"', "[package] 'bag.inner' is not installed: pip install 'bag[x]'"),
        ('name = "bag"', "[package] 'bag' is not installed: pip install 'bag'"),
        ('name = "box.inner"\npath = "data/g.js"', "[package] path = 'data/g.js' is no file of box.inner"),
        ('name = "box.inner"\npath = "../../../corpora/mine.toml"', "leaves the package box.inner"),
        ('name = "box.inner"\npath = "data/f.js"\nsha256 = "00"', "has sha256 {sha256}, and not 00: pip install"),
        ('name = "box.inner"\npath = "__init__.pyc"', "is no file of box.inner"),
        ("name = 3", "[package] name = 3 is not a string"),
        ('file = "x"', "unknown key 'file' in [package]; there is name, path, sha256, install"),
    ],
)
def test_mistakes_of_a_package(tmp_path: Path, package: Path, keys: str, said: str) -> None:
    """What is missing, and what to install."""
    with pytest.raises(CorpusError) as caught:
        corpus(tmp_path, f"[package]\n{keys}\n")
    assert said.format(sha256=hashlib.sha256(package.read_bytes()).hexdigest()) in str(caught.value)


def test_jquery_is_the_published_file(tmp_path: Path) -> None:
    """The shipped corpus: 111 functions, and the sample that the public harness takes (k = 16, seed = 42)."""
    found = load_corpus("jquery", tmp_path)

    assert "78a85aca2f0b110c29e0d2b137e09f0a1fb7a8e554b499f740d6744dc8962cfe" == found.sha256
    assert 111 == len(found.functions)
    published = (
        "DOMEval 105, find 806, PSEUDO 1604, matcherFromGroupMatchers 2443, init 2861, then 3474, dataAttr 4165, "
        "buildFragment 4741, domManip 5865, boxModelAdjustment 6580, defaultPrefilter 7214, propFilter 7386, "
        "val 8321, ajaxConvert 9020, done 9536, parseHTML 10142"
    )
    assert published == ", ".join(f"{function.name} {function.start_line}" for function in found.sample())


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the package: `sys.modules` holds None for what must not be found."""
    monkeypatch.setitem(sys.modules, "xstatic", None)
    monkeypatch.delitem(sys.modules, "xstatic.pkg", raising=False)
    monkeypatch.delitem(sys.modules, "xstatic.pkg.jquery", raising=False)

    with pytest.raises(CorpusError, match=r"pip install 'pytest-codeneedle\[jquery\]'$"):
        load_corpus("jquery", tmp_path)


def test_the_examples_are_named_and_work(tmp_path: Path) -> None:
    """Asking for an example by name says how to make it one's own; with the directory set, both load."""
    reason = r"unknown corpus 'proprietary-full'; .* cp '(.*)' '.*/corpora/proprietary-full.toml' and set its directory"
    body = "\n".join(f"    $a{number} = {number};" for number in range(20))
    write(tmp_path, "src/a.php", f"<?php\nfunction f()\n{{\n{body}\n}}\n")
    write(tmp_path, "src/vendor/b.php", "<?php\nfunction broken(\n")
    for name in ("proprietary", "proprietary-full"):
        with pytest.raises(CorpusError, match=reason.replace("proprietary-full", name)) as caught:
            load_corpus(name, tmp_path)
        example = Path(str(caught.value).split("cp '")[1].split("'")[0])
        write(tmp_path, f"corpora/{name}.toml", example.read_bytes())
        found = load_corpus(name, tmp_path)
        assert (("a.php",), True) == (found.files, found.private)
        assert (64000 if name == "proprietary" else None) == found.max_tokens
