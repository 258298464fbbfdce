"""A project folder to write flows into, and an import system that is as before after each test."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cerebelum.engine.runtime.code.modules import finder

WriteFile = Callable[[str, str], Path]

HEADER = "from cerebelum.engine.authoring.step import step\nfrom cerebelum.engine.authoring.workflow import workflow\n"


@pytest.fixture(autouse=True)
def imports_are_undone() -> Iterator[None]:
    """What a test imported is unloaded again; nothing of the session's own is."""
    modules, path, captured = dict(sys.modules), list(sys.path), set(finder.names_under(""))
    yield
    for name in set(sys.modules) - set(modules):
        if not name.startswith(("cerebelum.", "tests.")):
            del sys.modules[name]
    sys.path[:] = path
    finder.remove(set(finder.names_under("")) - captured)


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
