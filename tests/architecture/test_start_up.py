from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.repository import ROOT

HEAVY = {"aiosqlite", "alembic", "asyncpg", "hypothesis", "pytest", "sqlalchemy", "sqlite3", "textual", "uvloop"}
HEAVY_PARTS = ("cerebelum.adapters", "cerebelum.engine.runtime", "cerebelum.tui")

RUN_AND_LIST = """
import atexit, sys

atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
from cerebelum_cli.main import run
run()
"""


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_asking_the_command_about_itself_loads_no_engine(option: str) -> None:
    """Start-up counts on a command line: `--help` and `--version` import no SQLAlchemy, no Textual, no driver, no adapter."""
    command = [sys.executable, "-c", RUN_AND_LIST, option]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    loaded = result.stderr.split()
    assert "cerebelum_cli.main" in loaded
    assert [name for name in loaded if name.partition(".")[0] in HEAVY or name.startswith(HEAVY_PARTS)] == []
