"""A project for each test, with no setting of the machine's user in sight."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

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
    structlog.reset_defaults()  # whatever ran before in this process
    yield Project(folder)
    structlog.reset_defaults()
    set_up_at_first_line(None)
