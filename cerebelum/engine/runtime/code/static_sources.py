"""The source of a function, as a tree: from what its module ran from, or from its file."""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

from cerebelum.engine.runtime.code.closure import source_file
from cerebelum.engine.runtime.code.modules import captured_module
from cerebelum.engine.runtime.code.static_names import FunctionNode, LocalFunction, Scope, local_names

_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def followed(callee: Any, scope: Scope) -> LocalFunction | None:
    """Return a function whose calls are drawn by its body: one of the project's own, or of the workflow itself."""
    if isinstance(callee, LocalFunction):
        inner = Scope(callee.scope.globals, callee.scope, local_names(callee.node))
        return LocalFunction(callee.node, inner, callee.file)
    if not isinstance(callee, FunctionType) or _is_of_a_library(callee.__module__):
        return None
    return source_of(callee)


def source_of(function: FunctionType) -> LocalFunction | None:
    """Return a function's source and the scope of its names; None where it has none (made by `exec`, a lambda)."""
    text, file = _text(function.__module__)
    node = None if text is None else _functions(text).get((function.__name__, function.__code__.co_firstlineno))
    if node is None:
        return None
    scope = Scope(function.__globals__, _closure(function), local_names(node))
    return LocalFunction(node, scope, file)


def _closure(function: FunctionType) -> Scope | None:
    if not function.__closure__:
        return None
    outer = Scope(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__, strict=True):
        try:
            outer.bind(name, cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    return outer


def _text(module: str) -> tuple[str | None, str]:
    captured = captured_module(module)
    if captured is not None:
        kept = captured.bundle.modules.get(captured.public_name)  # its own name, also where it ran from the store
        return captured.source, Path(kept.path if kept is not None else captured.filename).name
    file = source_file(module)
    if file is None or not file.is_file():
        return None, ""
    try:
        return file.read_text(encoding="utf-8"), file.name
    except (OSError, UnicodeDecodeError):
        return None, ""


def _is_of_a_library(module: str) -> bool:
    if captured_module(module) is not None:
        return False
    if module.partition(".")[0] in {"cerebelum", *sys.stdlib_module_names}:
        return True
    file = source_file(module)
    return file is None or str(file).startswith(_LIBRARIES)


@lru_cache(maxsize=32)
def _functions(text: str) -> dict[tuple[str, int], FunctionNode]:
    """Return the functions of a module by name and first line, which is that of the first decorator."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # changed since it was imported
        return {}
    return {
        (node.name, min([node.lineno, *(found.lineno for found in node.decorator_list)])): node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
