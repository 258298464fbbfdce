from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.repository import CODE_FOLDERS, modules, name_of, parse

FUNCTION_LINES_MAX = 50
MODULE_LINES_MAX = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

LONG_MODULES: dict[str, str] = {}  # name: why it may be longer
LONG_FUNCTIONS: dict[str, str] = {}  # "name::function": why it may be longer

ALL_MODULES = list(modules(*CODE_FOLDERS))


@pytest.mark.parametrize("path", ALL_MODULES, ids=name_of)
def test_a_module_fits_in_the_head(path: Path) -> None:
    """No module has more than 400 lines."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MODULE_LINES_MAX or name_of(path) in LONG_MODULES


@pytest.mark.parametrize("path", ALL_MODULES, ids=name_of)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    """No function has more than 50 lines, its docstring included."""
    long = [
        f"{name_of(path)}::{node.name} has {lines} lines"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
        and f"{name_of(path)}::{node.name}" not in LONG_FUNCTIONS
    ]
    assert not long


def test_no_module_is_a_drawer_for_anything() -> None:
    """A name such as utils or manager says nothing, so everything ends up in it."""
    drawers = [name_of(path) for path in ALL_MODULES if {path.stem, path.parent.name} & FORBIDDEN_NAMES]
    assert not drawers


@pytest.mark.parametrize("path", [path for path in ALL_MODULES if path.name.startswith("test_")], ids=name_of)
def test_each_test_says_what_must_hold(path: Path) -> None:
    """A test without a sentence cannot be judged when it fails."""
    silent = [
        node.name
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert not silent
