"""A project for each test, with no setting of the machine's user in sight."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cerebelum.engine.runtime.code.modules import finder
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
    finder.remove(set(finder.names_under("")) - known)
    for name, module in list(sys.modules.items()):  # or a flow.py of the next test finds its name taken
        if str(getattr(module, "__file__", None) or "").startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]
