"""A project folder to write flows into."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

WriteFile = Callable[[str, str], Path]

HEADER = "from cerebelum.engine.authoring.step import step\nfrom cerebelum.engine.authoring.workflow import workflow\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder that is a project of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


@pytest.fixture
def write(project: Path) -> WriteFile:
    """Write `text` to a file of the project; `WORKFLOW` in it stands for the two imports that flows need."""

    def _write(name: str, text: str) -> Path:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n").replace("WORKFLOW\n", HEADER), encoding="utf-8")
        return path

    return _write
