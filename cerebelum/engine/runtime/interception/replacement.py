"""How a builtin function is replaced so that nobody can tell, but by what it answers.

A builtin kept as a class attribute (`clock = time.monotonic` in a class body) is not bound to the instance; a
Python function would be, and would get a `self` it did not expect. A method that is bound already is not bound
again. So the replacements are bound methods of one global object per module, which pickles as its name.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType, ModuleType
from typing import Any


class Replacements:
    """The replacements that one module makes; `name` is the global it holds this object under."""

    def __init__(self, module: str, name: str) -> None:
        self.__module__ = module  # where pickle looks for `name`
        self._name = name
        self._table: list[tuple[ModuleType, str, MethodType]] = []

    def __reduce__(self) -> str:
        return self._name

    def add(self, owner: ModuleType, name: str, function: Callable[..., Any]) -> None:
        """Let `function(self, ...)` stand in for `owner.name` once `apply` is called."""
        original = getattr(owner, name)
        function.__name__ = function.__qualname__ = name  # pickle finds the method by it
        function.__doc__ = original.__doc__
        method = MethodType(function, self)
        setattr(self, name, method)
        self._table.append((owner, name, method))

    def replaces(self, owner: ModuleType, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate the function that stands in for `owner.name`."""

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            self.add(owner, name, function)
            return function

        return decorate

    def apply(self) -> None:
        """Put the replacements in place. Doing it again changes nothing."""
        for owner, name, method in self._table:
            setattr(owner, name, method)
