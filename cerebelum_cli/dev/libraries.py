"""What flows import beside the project's own source: installed libraries and compiled modules.

Those cannot be loaded a second time beside themselves, so a change of one is taken up by a process that begins anew.
"""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import cerebelum
from cerebelum.engine.application.reloading import FileOutcome
from cerebelum.engine.domain.errors_code import FlowImportFailed

RESTARTED = "_CEREBELUM_DEV_RESTARTED"  # in the environment of a process that took another one's place
_OURS = (str(Path(cerebelum.__file__).parent) + os.sep, str(Path(__file__).parents[1]) + os.sep)
_STDLIB = tuple(str(Path(sysconfig.get_path(name))) + os.sep for name in ("stdlib", "platstdlib"))
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_MOST_FOLDERS = 300


class Libraries:
    """Knows what flows imported that is none of the project's own source."""

    def __init__(self) -> None:
        self._folders: set[Path] = set()
        self._lacking: set[Path] = set()

    def lacks_some(self, outcomes: Iterable[FileOutcome]) -> bool:
        """Take note of what came of flow files; return whether one does not load for want of a library."""
        for outcome in outcomes:
            self._lacking.discard(outcome.path)
            if isinstance(outcome.error, FlowImportFailed) and "ModuleNotFoundError" in outcome.error.error:
                self._lacking.add(outcome.path)
        return bool(self._lacking)

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Take note of what is imported meanwhile."""
        before = frozenset(sys.modules)
        try:
            yield
        finally:
            for name in frozenset(sys.modules) - before:
                file = getattr(sys.modules.get(name), "__file__", None)
                if isinstance(file, str) and len(self._folders) < _MOST_FOLDERS and _is_library(file):
                    self._folders.add(Path(file).parent)

    def folders(self) -> frozenset[Path]:
        """Return the folders to watch for them; while one lacks, also those that it would be installed into."""
        return frozenset(self._folders | (_installed_into() if self._lacking else set()))

    def may_mend(self, path: Path) -> bool:
        """Return whether what appeared at `path` may be the library that lacks."""
        if not self._lacking or path.parent not in _installed_into():
            return False
        importlib.invalidate_caches()
        return True


def _installed_into() -> set[Path]:
    return {Path(place) for place in sys.path if place.endswith(tuple(mark.rstrip(os.sep) for mark in _INSTALLED))}


def _is_library(file: str) -> bool:
    if file.startswith(_OURS):
        return False
    if any(mark in file for mark in _INSTALLED) or file.endswith(tuple(EXTENSION_SUFFIXES)):
        return not file.startswith(_STDLIB) or any(mark in file for mark in _INSTALLED)
    return False


def begin_anew() -> None:
    """Put a new process in this one's place: the same command line, the same terminal, the same number.

    What was thrown away by `--fresh` is not thrown away again.
    """
    line = [word for word in sys.orig_argv[1:] if word != "--fresh"]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *line], {**os.environ, RESTARTED: "1"})  # noqa: S606 - itself


def has_begun_anew() -> bool:
    """Return whether this process took another one's place; asked once, so that no process of a step inherits it."""
    return os.environ.pop(RESTARTED, None) is not None
