"""A project for each test, with no setting of the machine's user in sight."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import structlog

from cerebelum.engine.runtime.code.modules import finder, forget
from cerebelum.engine.runtime.own_log import set_up_at_first_line
from tests.cli.cli_project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The working folder is the project's."""
    for name in [name for name in os.environ if name == "NO_COLOR" or name.startswith("CEREBELUM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    known = set(finder.names_under(""))
    yield Project(folder)
    structlog.reset_defaults()
    set_up_at_first_line(None)
    captured = set(finder.names_under("")) - known
    loaded = [name for name, module in sys.modules.items() if _lies_in(tmp_path, module)]
    forget([*captured, *loaded])  # or a flow.py of the next test finds its name taken
    finder.remove(captured)


def _lies_in(folder: Path, module: ModuleType) -> bool:
    return str(getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}")
