from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import sysconfig
from dataclasses import asdict
from pathlib import Path

import pytest

from examples import stdlib_index
from examples.stdlib_index import (
    Facts,
    ServerBusyError,
    build_index,
    discover,
    parse_module,
    publish,
    read_module,
    remove_parts,
    report,
    search,
)
from tests.examples.command_line import EXAMPLES, CommandLine, succeeded
from tests.examples.plain_steps import as_attempt, plain

FLOW = str(EXAMPLES / "stdlib_index.py")
FEW = ["asyncio/queues.py", "heapq.py", "json/__init__.py", "queue.py"]
LIMIT = 60
STEP_COUNT = LIMIT + 4  # beside the modules: discover, build_index, publish, remove_parts


@pytest.fixture
def cerebelum(tmp_path: Path) -> CommandLine:
    """The command, in an empty folder."""
    return CommandLine(tmp_path)


def built(folder: Path, paths: list[str]) -> str:
    """Build an index of `paths` by calling the steps as functions; return its path."""
    out = str(folder / "index.db")
    for path in paths:
        plain(parse_module(path, out))
    plain(build_index(paths, out))
    return out


# -- the steps are functions ------------------------------------------------------------------------------------------


def test_discover_finds_modules_and_no_tests() -> None:
    """The library's packages are found in a stable order, without test suites and installed packages."""
    paths = plain(discover(None))
    assert {"json/__init__.py", "json/decoder.py", "queue.py"} <= set(paths)
    assert paths == sorted(paths)
    assert not [path for path in paths if "site-packages" in path or "/test" in path or path.startswith("test/")]
    assert plain(discover(5)) == paths[:5]


def test_the_facts_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines, definitions, imports and gaps in the documentation are counted as they stand in the source."""
    source = '''"""A summary.\n\nMore."""\nimport os.path, sys, shop.till\nfrom . import neighbour\nfrom json import loads\n
class Till:
    """Holds money."""
    def pay(self): ...
    def _count(self): ...
def _private(): ...
async def public(): ...
'''
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(stdlib_index, "_library", lambda: tmp_path)
    document = read_module("shop/__init__.py")
    assert document.facts == Facts(
        module="shop", lines=source.count("\n"), size_bytes=len(source), functions=4, classes=1, undocumented=2,
        has_docstring=True, imports=["json", "os", "sys"],
    )  # fmt: skip
    assert (document.summary, document.names) == ("A summary.", "Till pay public")
    assert "Holds money." in document.text


def test_a_module_that_cannot_be_parsed_counts_as_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One odd file does not stop the index."""
    (tmp_path / "odd.py").write_text("print 'hello'\n", encoding="utf-8")
    monkeypatch.setattr(stdlib_index, "_library", lambda: tmp_path)
    facts = read_module("odd.py").facts
    assert (facts.lines, facts.functions, facts.has_docstring) == (1, 0, False)


def test_facts_stay_small_however_large_the_module() -> None:
    """What goes through the history is a few hundred bytes, not the documentation."""
    largest = max(plain(discover(None)), key=lambda path: (stdlib_index._library() / path).stat().st_size)
    facts = read_module(largest).facts
    assert facts.size_bytes > 100_000
    assert len(json.dumps(asdict(facts))) < 2000


def test_the_index_finds_words_of_the_documentation(tmp_path: Path) -> None:
    """Names, docstrings and beginnings of words are found; the modules that are named so come first."""
    out = built(tmp_path, FEW)
    assert search(out, ["priority", "queue"])[0].module in {"heapq", "asyncio.queues", "queue"}
    assert search(out, ["heappush"])[0].module == "heapq"
    assert [hit.module for hit in search(out, ["jso"])] == ["json"]
    assert search(out, ["no-such-word-anywhere"]) == search(out, []) == search(out, ['"']) == []


def test_an_sqlite_without_full_text_search_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where FTS5 is missing, the index is a plain table, and searching it works."""
    out = built(tmp_path, FEW)
    with sqlite3.connect(out) as index:
        rows = index.execute("SELECT module, names, summary, text FROM documents").fetchall()
        index.execute("DROP TABLE documents")
        index.execute("CREATE TABLE documents (module, names, summary, text)")
        index.executemany("INSERT INTO documents VALUES (?, ?, ?, ?)", rows)
    index.close()
    assert [hit.module for hit in search(out, ["HEAPPUSH"])] == ["heapq"]
    assert [hit.module for hit in search(out, ["priority", "HEAPPUSH"])] == ["heapq"]
    assert search(out, ["heappush", "no-such-word"]) == search(out, []) == []


def test_building_twice_gives_one_whole_index_and_no_rubbish(tmp_path: Path) -> None:
    """A step that runs again after a crash does no harm: the index is replaced whole."""
    out = built(tmp_path, FEW)
    built(tmp_path, FEW[:2])
    with sqlite3.connect(out) as index:
        assert index.execute("SELECT module FROM modules ORDER BY 1").fetchall() == [("asyncio.queues",), ("heapq",)]
    index.close()
    plain(remove_parts(out))
    plain(remove_parts(out))
    assert [path.name for path in tmp_path.iterdir()] == ["index.db"]


def test_a_lost_part_is_parsed_again(tmp_path: Path) -> None:
    """Somebody who tidies up between a crash and the resume loses time, not modules."""
    out = built(tmp_path, FEW)
    plain(remove_parts(out))
    plain(build_index(FEW, out))
    assert search(out, ["heappush"])[0].module == "heapq"


def test_publishing_fails_twice_then_succeeds(tmp_path: Path) -> None:
    """D7: the flaky step fails at its first two attempts, always, and then tells the index's digest."""
    out = built(tmp_path, FEW[:1])
    for attempt in (1, 2):
        with pytest.raises(ServerBusyError, match=f"attempt {attempt}"):
            as_attempt(attempt, publish, out)
    assert as_attempt(3, publish, out) == hashlib.sha256(Path(out).read_bytes()).hexdigest()


def test_the_report_names_the_largest_first() -> None:
    """Ties are broken by name, so every run reports the same."""
    facts = [
        Facts(name, lines, lines * 30, 1, 0, 7 - lines, lines != 3, ["os", "sys"] if lines > 1 else ["sys"])
        for name, lines in [("b", 2), ("a", 2), ("c", 3), ("d", 1)]
    ]
    found = report(facts, "index.db", "abc")
    assert (found.modules, found.lines, found.size_bytes, found.modules_without_docstring) == (4, 8, 240, 1)
    assert list(found.most_lines.items()) == [("c", 3), ("a", 2), ("b", 2), ("d", 1)]
    assert list(found.imported_by_most_modules.items()) == [("sys", 4), ("os", 3)]
    assert next(iter(found.most_undocumented)) == "d"


def test_the_file_searches_as_a_script(tmp_path: Path) -> None:
    """`python stdlib_index.py search WORD` prints modules; it exits with 1 for none and 2 without an index."""
    out = built(tmp_path, FEW)
    command = [sys.executable, FLOW, "search", "--index"]
    calls = [[out, "heappush"], [out, "no-such-word"], [str(tmp_path / "none.db"), "heappush"]]
    results = [
        subprocess.run(
            [*command, *call], env={"PYTHONPATH": str(EXAMPLES.parent)}, capture_output=True, text=True, check=False
        )
        for call in calls
    ]
    assert [result.returncode for result in results] == [0, 1, 2]
    assert results[0].stdout.startswith("heapq ")
    assert "build it with" in results[2].stderr


# -- through the command line -----------------------------------------------------------------------------------------


def check_index(cerebelum: CommandLine, execution_id: str) -> None:
    """The index is complete and works, each step completed once, and no part was left."""
    with sqlite3.connect(cerebelum.folder / "small.db") as index:
        (count,) = index.execute("SELECT count(*) FROM modules").fetchone()
    index.close()
    assert count == LIMIT
    assert search(str(cerebelum.folder / "small.db"), ["import"])
    assert not [path.name for path in cerebelum.folder.iterdir() if path.name.startswith(("small.db.", ".small.db"))]
    types = cerebelum.event_types(execution_id)
    assert (types.count("step_scheduled"), types.count("step_completed")) == (STEP_COUNT, STEP_COUNT)
    assert types[-1] == "execution_completed"


def test_the_index_is_built_and_the_flaky_step_retried(cerebelum: CommandLine) -> None:
    """W1, D7: the main example completes from one command; `publish` failed twice on the way."""
    assert succeeded(cerebelum("run", FLOW, "-i", f"limit={LIMIT}", "-i", "out=small.db", "--id", "index"))
    check_index(cerebelum, "index")
    assert cerebelum.event_types("index").count("step_failed") == 2


def test_killed_again_and_again_it_completes(cerebelum: CommandLine) -> None:
    """I6, I9: kill -9 early and late in the fan-out and with the index in place; then it resumes and completes.

    No module is lost or recorded twice.
    """
    parts, out = cerebelum.folder / "small.db.parts", cerebelum.folder / "small.db"
    flow = ("run", FLOW, "-i", f"limit={LIMIT}", "-i", "out=small.db", "--id", "index", "--if-exists", "use")
    assert cerebelum.kill_when(lambda: len(list(parts.glob("*.json"))) >= 5, *flow)
    assert cerebelum.kill_when(lambda: len(list(parts.glob("*.json"))) >= LIMIT - 5, *flow)
    assert cerebelum.kill_when(out.exists, *flow)
    assert succeeded(cerebelum("run", FLOW, "--resume", "index"))
    check_index(cerebelum, "index")


def test_the_whole_library_is_indexed_by_default(cerebelum: CommandLine) -> None:
    """What `make demo` does: every module of this Python's library is in the index."""
    assert succeeded(cerebelum("run", FLOW))
    with sqlite3.connect(cerebelum.folder / "stdlib_index.db") as index:
        (count,) = index.execute("SELECT count(*) FROM modules").fetchone()
    index.close()
    assert count == len(plain(discover(None))) > 100
    assert Path(sysconfig.get_path("stdlib"), "queue.py").is_file()
    assert search(str(cerebelum.folder / "stdlib_index.db"), ["priority", "queue"])
