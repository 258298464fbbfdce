from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

HEAVY = {"aiosqlite", "alembic", "asyncpg", "hypothesis", "pytest", "sqlalchemy", "sqlite3", "textual", "uvloop"}
ENGINE = ("cerebelum.engine.application", "cerebelum.engine.runtime.node", "cerebelum.engine.runtime.run")
HEAVY_PARTS = ("cerebelum.adapters", "cerebelum.engine.runtime", "cerebelum.tui")

RUN_AND_LIST = """
import atexit, sys

atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
from cerebelum_cli.main import run
run()
"""


def loaded_by(*words: str, folder: Path = ROOT) -> list[str]:
    """Run the command, and return the names of all modules that were imported for it."""
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{RUN_AND_LIST}", *words],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stderr.splitlines()[-1].split()


def test_the_version_needs_no_parser() -> None:
    """Prompts and scripts ask for it: `--version` imports neither typer nor rich nor a command."""
    loaded = loaded_by("--version")
    assert not {"typer", "rich", "pydantic", "structlog"} & set(loaded)
    assert [name for name in loaded if name.startswith("cerebelum_cli.commands")] == []


def test_a_list_loads_the_store_and_nothing_of_the_engine(tmp_path: Path) -> None:
    """`list` is what people type most: it imports no engine, no SQLAlchemy, no rich, no loop of its own, and one command."""
    (tmp_path / "flow.py").write_text("from cerebelum import workflow\n\n\n@workflow\nasync def flow() -> None: ...\n")
    loaded_by("run", "flow.py", "--store", "s.db", folder=tmp_path)
    loaded = loaded_by("list", "--store", "s.db", folder=tmp_path)
    assert "cerebelum.adapters.stores.sqlite.read_only" in loaded
    unwanted = (HEAVY - {"sqlite3"}) | {"rich", "structlog"}
    assert [name for name in loaded if name.partition(".")[0] in unwanted or name.startswith(ENGINE)] == []
    commands = [name for name in loaded if name.startswith("cerebelum_cli.commands.")]
    assert commands == ["cerebelum_cli.commands.executions"]


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_asking_the_command_about_itself_loads_no_engine(option: str) -> None:
    """Start-up counts on a command line: `--help` and `--version` import no SQLAlchemy, no Textual, no driver, no adapter."""
    command = [sys.executable, "-c", RUN_AND_LIST, option]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    loaded = result.stderr.split()
    assert "cerebelum_cli.main" in loaded
    assert [name for name in loaded if name.partition(".")[0] in HEAVY or name.startswith(HEAVY_PARTS)] == []


def test_the_dev_loop_is_ready_without_what_it_does_not_need(tmp_path: Path) -> None:
    """Ready in 400 ms: a store that is counted and a log without a line import neither SQLAlchemy, structlog nor rich."""
    (tmp_path / "flow.py").write_text("from cerebelum import workflow\n\n\n@workflow\nasync def flow() -> None: ...\n")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{RUN_AND_LIST}", "dev"]
    with subprocess.Popen(
        [*command, "--store", "s.db"], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert "ready in" in process.stdout.readline()
        process.terminate()
        _, errors = process.communicate(timeout=60)
    loaded = errors.splitlines()[-1].split()
    assert "cerebelum_cli.dev.session" in loaded
    unwanted = (HEAVY - {"sqlite3", "uvloop"}) | {"rich", "structlog"}
    assert [name for name in loaded if name.partition(".")[0] in unwanted] == []
