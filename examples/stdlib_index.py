"""A search index of the Python standard library, built from its source by a durable workflow.

    cerebelum run stdlib_index.py
    cerebelum run stdlib_index.py -i limit=50 -i out=small.db
    python stdlib_index.py search priority queue

Kill it at any moment and resume it: modules that were parsed are not parsed again. What the workflow itself handles
stays small, a few numbers for each module; the documentation goes to files beside the index, one for each module.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import sysconfig
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from cerebelum import Retry, info, map_steps, step, workflow

NO_MODULES = {"test", "tests", "idle_test", "site-packages", "dist-packages", "lib-dynload", "__pycache__"}
SERVER_IS_BUSY_FOR = 2  # attempts
SHOWN = 5
PARSING = threading.Lock()  # Python 3.11 counts the depth of all threads' parsing in one place, and may stumble over it
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class ServerBusyError(ConnectionError):
    """The server takes nothing at the moment. Trying again helps."""


@dataclass(frozen=True)
class Facts:
    """What the report needs to know of one module."""

    module: str
    lines: int
    size_bytes: int
    functions: int
    classes: int
    undocumented: int  # public functions, classes and methods without a docstring
    has_docstring: bool
    imports: list[str]  # packages of the standard library, its own left out


@dataclass(frozen=True)
class Document:
    """What can be searched of one module."""

    facts: Facts
    summary: str
    names: str
    text: str


@dataclass(frozen=True)
class Hit:
    """One module that a search found."""

    module: str
    summary: str


@dataclass(frozen=True)
class Report:
    """What `cerebelum run` shows in the end. The dictionaries hold the first few, the largest number first."""

    index: str
    sha256: str
    modules: int
    lines: int
    size_bytes: int
    modules_without_docstring: int
    most_lines: dict[str, int]
    imported_by_most_modules: dict[str, int]
    most_undocumented: dict[str, int]


# -- steps ------------------------------------------------------------------------------------------------------------


@step
def discover(limit: int | None) -> list[str]:
    """Return the paths of the library's modules, relative to its folder, in order; tests left out."""
    root = _library()
    paths = (path.relative_to(root) for path in root.rglob("*.py"))
    return sorted(path.as_posix() for path in paths if not NO_MODULES & set(path.parts))[:limit]


@step
def parse_module(path: str, out: str) -> Facts:
    """Parse one module, keep its documentation beside the index, return the numbers. A second time does no harm."""
    document = read_module(path)
    part = _part(path, out)
    part.parent.mkdir(parents=True, exist_ok=True)
    _write_whole(part, lambda new: new.write_text(json.dumps(asdict(document)), encoding="utf-8"))
    return document.facts


@step
def build_index(paths: list[str], out: str) -> int:
    """Write the index anew and put it in place whole; return the number of modules in it."""
    documents = (_read_part(path, out) for path in paths)
    _write_whole(Path(out), lambda new: _write_index(new, documents))
    return len(paths)


@step(retry=Retry(max_attempts=4, backoff="constant", backoff_base=0.2))
def publish(out: str) -> str:
    """Hand the index to a server that is busy at first, always, and return its SHA-256: see the retries."""
    attempt = info().attempt
    if attempt <= SERVER_IS_BUSY_FOR:
        raise ServerBusyError(f"the server is busy (attempt {attempt})")
    return hashlib.sha256(Path(out).read_bytes()).hexdigest()


@step
def remove_parts(out: str) -> None:
    """Remove what `parse_module` left beside the index."""
    shutil.rmtree(_parts(out), ignore_errors=True)


@workflow
async def stdlib_index(out: str = "stdlib_index.db", limit: int | None = None, concurrency: int = 8) -> Report:
    """Index the standard library: `limit` modules of it, or all."""
    paths = await discover(limit)
    facts = await map_steps(lambda path: parse_module(path, out), paths, concurrency=concurrency)
    await build_index(paths, out)
    await asyncio.sleep(0.5)  # a durable timer; it could be a day
    sha256 = await publish(out)
    await remove_parts(out)
    return report(facts, out, sha256)


# -- plain functions --------------------------------------------------------------------------------------------------


def report(facts: list[Facts], out: str, sha256: str) -> Report:
    """Sum up. No effects, so the workflow calls it as it is."""
    imported = Counter(name for one in facts for name in one.imports)
    return Report(
        index=out,
        sha256=sha256,
        modules=len(facts),
        lines=sum(one.lines for one in facts),
        size_bytes=sum(one.size_bytes for one in facts),
        modules_without_docstring=sum(not one.has_docstring for one in facts),
        most_lines=_largest({one.module: one.lines for one in facts}),
        imported_by_most_modules=_largest(imported),
        most_undocumented=_largest({one.module: one.undocumented for one in facts}),
    )


def read_module(path: str) -> Document:
    """Parse one module of the library. One that this Python cannot parse counts as empty."""
    source = (_library() / path).read_bytes()
    try:
        with PARSING:
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        tree = ast.Module(body=[], type_ignores=[])
    module = _module_name(path)
    docstring = ast.get_docstring(tree) or ""
    nodes = [node for node in ast.walk(tree) if isinstance(node, Definition)]
    public = list(_public(tree))
    facts = Facts(
        module=module,
        lines=source.count(b"\n"),
        size_bytes=len(source),
        functions=sum(not isinstance(node, ast.ClassDef) for node in nodes),
        classes=sum(isinstance(node, ast.ClassDef) for node in nodes),
        undocumented=sum(not ast.get_docstring(node) for node in public),
        has_docstring=bool(docstring),
        imports=sorted(_imports(tree) - {module.partition(".")[0]}),
    )
    text = "\n\n".join([docstring, *(ast.get_docstring(node) or "" for node in public)])
    return Document(facts, text.strip().split("\n", 1)[0], " ".join(node.name for node in public), text)


def search(out: str, words: Iterable[str], limit: int = 10) -> list[Hit]:
    """Return the modules whose name, definitions or documentation hold all `words` (or words beginning so)."""
    asked = [word for word in words if word.strip()]
    with closing(sqlite3.connect(f"{Path(out).resolve().as_uri()}?mode=ro", uri=True)) as index:
        (how,) = index.execute("SELECT sql FROM sqlite_master WHERE name = 'documents'").fetchone()
        if "fts5" in how:
            match = " ".join('"' + word.replace('"', '""') + '"*' for word in asked) or '""'
            rows = index.execute(
                "SELECT module, summary FROM documents WHERE documents MATCH ? ORDER BY bm25(documents, 9, 5, 3) LIMIT ?",
                (match, limit),
            ).fetchall()
        else:
            everything = index.execute("SELECT module, summary, names, text FROM documents ORDER BY module").fetchall()
            found = [row for row in everything if all(word.lower() in " ".join(row).lower() for word in asked)]
            rows = [row[:2] for row in found if asked][:limit]
    return [Hit(*row) for row in rows]


def _library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Yield the functions and classes that users see: those of the module, and the methods of its public classes."""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _imports(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names & sys.stdlib_module_names


def _largest(numbers: dict[str, int]) -> dict[str, int]:
    return dict(sorted(numbers.items(), key=lambda item: (-item[1], item[0]))[:SHOWN])


def _parts(out: str) -> Path:
    return Path(f"{out}.parts")


def _part(path: str, out: str) -> Path:
    return _parts(out) / f"{_module_name(path)}.json"


def _read_part(path: str, out: str) -> Document:
    try:
        kept = json.loads(_part(path, out).read_bytes())
    except FileNotFoundError:  # somebody tidied up between a crash and the resume
        return read_module(path)
    return Document(**{**kept, "facts": Facts(**kept["facts"])})


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a new file, then put it in the place of `path`: a reader sees the old one or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    write(new)
    new.replace(path)


def _write_index(path: Path, documents: Iterable[Document]) -> None:
    with closing(sqlite3.connect(path)) as index, index:
        index.execute("CREATE TABLE modules (module PRIMARY KEY, lines, size_bytes, functions, classes, undocumented)")
        try:
            index.execute("CREATE VIRTUAL TABLE documents USING fts5(module, names, summary, text)")
        except sqlite3.OperationalError:  # an SQLite without full-text search
            index.execute("CREATE TABLE documents (module, names, summary, text)")
        for document in documents:
            facts = document.facts
            numbers = (facts.lines, facts.size_bytes, facts.functions, facts.classes, facts.undocumented)
            index.execute("INSERT INTO modules VALUES (?, ?, ?, ?, ?, ?)", (facts.module, *numbers))
            texts = (facts.module, document.names, document.summary, document.text)
            index.execute("INSERT INTO documents VALUES (?, ?, ?, ?)", texts)


def main() -> int:
    """Search from the command line; return the exit code: 1 when nothing was found."""
    parser = argparse.ArgumentParser(description="Search the index that the workflow in this file built.")
    parser.add_argument("command", choices=["search"])
    parser.add_argument("words", nargs="+")
    parser.add_argument("--index", default="stdlib_index.db")
    arguments = parser.parse_args()
    if not Path(arguments.index).is_file():
        parser.error(f"no index {arguments.index!r} here: build it with `cerebelum run {sys.argv[0]}`")
    hits = search(arguments.index, arguments.words)
    for hit in hits:
        print(f"{hit.module:<24} {hit.summary}")
    return 0 if hits else 1


if __name__ == "__main__":
    sys.exit(main())
