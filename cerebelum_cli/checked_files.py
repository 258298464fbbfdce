"""The files that `check` looks at, and what the linter finds in them. Nothing is imported here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_code import FlowNotFound
from cerebelum.engine.runtime.code.import_failure import shown_path, syntax_error
from cerebelum.engine.runtime.code.lint.finding import Finding
from cerebelum.engine.runtime.code.lint.linked_modules import LinkedModules
from cerebelum.engine.runtime.code.lint.lint_source import Linter
from cerebelum.engine.runtime.code.selection import missing_flow

_DEFINITIONS = frozenset({".json", ".yaml", ".yml"})
_NO_CODE_OF_OURS = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages", "build", "dist"})


class Unloadable(Struct, frozen=True):
    """A file that cannot be read as a flow, and why."""

    path: str
    code: str
    message: str


class CheckedFiles(Struct, frozen=True):
    """What there is below a path.

    Attributes:
        flows: the files that may declare workflows.
        files: how many files were linted.
        workflows: how many workflows the linter looked at.
    """

    flows: list[Path]
    findings: list[Finding]
    unloadable: list[Unloadable]
    files: int
    workflows: int


def check_files(path: Path) -> CheckedFiles:
    """Find the flows of a file or folder, and lint them.

    Raises:
        FlowNotFound: there is no such file or folder.
    """
    found = CheckedFiles([], [], [], 0, 0)
    files = workflows = 0
    modules = LinkedModules(lambda file: shown_path(str(file)) if path.is_absolute() else os.path.relpath(file))
    linter = Linter(modules.function)
    for file in _files(path):
        if file.suffix.lower() in _DEFINITIONS:
            found.flows.append(file)
            continue
        files += 1
        shown = shown_path(str(file))
        try:
            module = modules.read(file)
            linter.add(module)
        except SyntaxError as error:
            broken: CerebelumError = syntax_error(error, shown=shown)
            found.unloadable.append(Unloadable(shown, broken.code, str(broken)))
        except (OSError, ValueError, RecursionError) as error:  # RecursionError: nested without end
            found.unloadable.append(Unloadable(shown, FlowNotFound.code, f"cannot read {shown!r}: {error}"))
        else:
            workflows += len(module.facts.workflows)
            if module.facts.declares or path.is_file():
                found.flows.append(file)
    return CheckedFiles(found.flows, linter.findings(), found.unloadable, files, workflows)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from _below(path)
    else:
        raise missing_flow(path)


def _below(folder: Path) -> Iterator[Path]:
    """Yield Python files, and definitions that look like a flow's; caches, environments and hidden folders left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _NO_CODE_OF_OURS
            and not (Path(place) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            file = Path(place) / name
            if file.suffix == ".py" or (file.suffix.lower() in _DEFINITIONS and _looks_like_a_flow(file)):
                yield file


def _looks_like_a_flow(file: Path) -> bool:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False
    return "entrypoint" in text and "nodes" in text
