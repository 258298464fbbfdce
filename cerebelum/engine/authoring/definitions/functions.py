"""Which functions a definition may name, and how they are found.

A definition is data, and may come from anywhere. It reaches functions and steps that a module defines itself: nothing of
the standard library, nothing private, nothing that a module merely imported, no classes and no methods of objects.
"""

from __future__ import annotations

import importlib
import inspect
import keyword
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from cerebelum.engine.authoring.step import StepDefinition

_OURS = frozenset({"cerebelum", "cerebelum_cli"})


def is_importable(module: str) -> bool:
    """Whether a definition may have this module imported: a dotted name, not of the standard library and not ours."""
    parts = module.split(".")
    is_name = all(part.isidentifier() and not keyword.iskeyword(part) and not part.startswith("_") for part in parts)
    return is_name and parts[0] not in sys.stdlib_module_names and parts[0] not in _OURS


class FunctionTable:
    """Finds functions by their names.

    Args:
        functions: name to function; where it is given, nothing else can be named, and nothing is imported.
        modules: of those that are loaded already, in the version that is meant.
    """

    def __init__(
        self, functions: Mapping[str, Callable[..., Any]] | None = None, modules: Mapping[str, ModuleType] | None = None
    ) -> None:
        self._functions, self._modules = functions, modules or {}

    def find(self, name: str) -> Callable[..., Any]:
        """Return the function "module:function".

        Raises:
            ValueError: there is none that may be named so; the text says why.
        """
        if self._functions is not None:
            if name not in self._functions:
                known = ", ".join(sorted(self._functions)[:10]) or "none"
                raise ValueError(f"function {name!r} is not registered (known: {known})")
            return self._functions[name]
        module_name, _, path = name.partition(":")
        module = self._module(module_name)
        found: Any = module
        for part in path.split("."):
            found = inspect.getattr_static(found, part, None)
            if isinstance(found, staticmethod):
                found = found.__func__
        if found is None:
            raise ValueError(f"Function {path} not exported from {module_name}")
        if not inspect.isfunction(found) and not isinstance(found, StepDefinition):
            raise ValueError(f"{name!r} is no function or step, but {type(found).__name__}")
        home = str(found.__module__)
        if home.partition(".")[0] != module.__name__.partition(".")[0]:
            raise ValueError(f"{name!r} is only imported there: it belongs to module {home!r}")
        return found

    def _module(self, name: str) -> ModuleType:
        if not is_importable(name):
            raise ValueError(f"module {name!r} is not yours: write a function of your own that calls it")
        if name in self._modules:
            return self._modules[name]
        try:
            return importlib.import_module(name)
        except Exception as error:
            raise ValueError(f"module {name!r} cannot be imported: {type(error).__name__}: {error}") from error
