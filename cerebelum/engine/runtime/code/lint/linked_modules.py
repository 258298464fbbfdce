"""The modules of a project as the linter reads them, and which function of another one a name stands for."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from cerebelum.engine.runtime.code.closure import Project, place_of, read_source
from cerebelum.engine.runtime.code.lint.ignores import Ignore, ignores_of
from cerebelum.engine.runtime.code.lint.module_facts import ModuleFacts, dotted, facts_of
from cerebelum.engine.runtime.code.static_names import FunctionNode

_MOST_REEXPORTS = 10  # from package to package; more is a circle


class LintModule(Struct, frozen=True, eq=False):
    """A module's tree as it is linted.

    Attributes:
        path: as it is shown in findings.
        name: under which it is imported; "" where nothing is followed.
        package: what its relative imports begin at.
    """

    path: str
    facts: ModuleFacts
    lines: list[str]
    ignores: dict[int, Ignore]
    name: str = ""
    package: str = ""


Place = tuple[LintModule, FunctionNode]


def parse_module(source: str, path: str, *, name: str = "", package: str = "") -> LintModule:
    """Read a module's source.

    Raises:
        SyntaxError, ValueError: it is not Python.
    """
    facts = facts_of(ast.parse(source))
    return LintModule(path, facts, source.splitlines(), ignores_of(source), name, package)


class LinkedModules:
    """Reads each file once, and follows names from one to the other; nothing is imported.

    Args:
        shown: gives a file's path as it is shown in findings.
    """

    def __init__(self, shown: Callable[[Path], str]) -> None:
        self._shown = shown
        self._by_file: dict[Path, LintModule | None] = {}
        self._projects: dict[str, Project] = {}  # by the path of a module

    def read(self, file: Path) -> LintModule:
        """Return the module of a file.

        Raises:
            OSError, SyntaxError, ValueError: it cannot be read.
        """
        file = _place(file)
        known = self._by_file.get(file)
        if known is None:
            name, root = place_of(file)
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            known = self._by_file[file] = parse_module(read_source(file), self._shown(file), name=name, package=package)
            self._projects[known.path] = Project(root, name)
        return known

    def function(self, module: LintModule, name: str) -> Place | None:
        """Return the function of another local module that `name`, such as "helpers.total", stands for in `module`."""
        for _ in range(_MOST_REEXPORTS):
            owner, _, function = _absolute(name, module.package).rpartition(".")
            project = self._projects.get(module.path)
            file = project.find(owner) if project is not None and owner else None
            found = None if file is None else self._readable(file)
            if found is None:
                return None
            node = found.facts.functions.get(function)
            if node is not None:
                return (found, node) if _stays_itself(node, found.facts) else None
            if function not in found.facts.imports:
                return None
            module, name = found, found.facts.imports[function]
        return None

    def _readable(self, file: Path) -> LintModule | None:
        """Return a module; None where it cannot be read: that is told when the file itself is checked."""
        file = _place(file)
        if file not in self._by_file:
            try:
                return self.read(file)
            except (OSError, SyntaxError, ValueError, RecursionError):
                self._by_file[file] = None
        return self._by_file[file]


def _stays_itself(node: FunctionNode, facts: ModuleFacts) -> bool:
    """Whether calling a function runs its body: a decorator of the project's own may as well make it a step."""
    return all(
        dotted(found.func if isinstance(found, ast.Call) else found, facts.imports).partition(".")[0]
        in sys.stdlib_module_names
        for found in node.decorator_list
    )


def _place(file: Path) -> Path:
    """Return an absolute path. Links keep their names: findings show the file that was asked for."""
    return Path(os.path.abspath(file))  # noqa: PTH100 - `resolve` would follow links


def _absolute(name: str, package: str) -> str:
    """Return an absolute name for ".helpers.total"; "" where it leaves the package."""
    below = name.lstrip(".")
    level = len(name) - len(below)
    if not level:
        return name
    parts = package.split(".") if package else []
    kept = len(parts) - (level - 1)
    return ".".join([*parts[:kept], below]) if kept > 0 else ""
