"""Resolve the annotations of a function, one by one: a name that cannot be found costs one annotation, not all.

`from __future__ import annotations` makes every annotation text. It is looked up in the function's module, in its
closure, and in the local variables of the function around its definition (workflows in tests are defined so).
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterable
from types import FrameType, SimpleNamespace
from typing import Any

_NAME = re.compile(r"[^\W\d]\w*")


def raw_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations as they were written, {} for a callable that has none."""
    target = _plain_function(function)
    if sys.version_info >= (3, 14):
        import annotationlib

        try:
            return dict(annotationlib.get_annotations(target, format=annotationlib.Format.FORWARDREF))
        except TypeError:
            return {}
    return dict(getattr(target, "__annotations__", None) or {})


def local_names(function: Callable[..., Any], annotations: Iterable[Any]) -> dict[str, Any]:
    """Return what names in the text of `annotations` mean where `function` is being defined; call it right then."""
    target = _plain_function(function)
    wanted = {name for text in annotations if isinstance(text, str) for name in _NAME.findall(text)}
    found: dict[str, Any] = {}
    if not hasattr(target, "__code__"):
        return {}
    if wanted and "<locals>" in getattr(target, "__qualname__", ""):
        frame = _defining_frame(target)
        if frame is not None:
            found = {name: frame.f_locals[name] for name in wanted if name in frame.f_locals}
    for name, cell in zip(target.__code__.co_freevars, target.__closure__ or (), strict=True) if wanted else ():
        try:
            found.setdefault(name, cell.cell_contents)
        except ValueError:  # the variable has no value yet
            continue
    return found


def resolve(function: Callable[..., Any], annotation: Any, names: dict[str, Any]) -> Any:
    """Return the type that `annotation` means, `Annotated` kept.

    Raises:
        Exception: whatever looking it up raises: NameError for an unknown name, SyntaxError for text that is no type.
    """
    holder = SimpleNamespace(__annotations__={"it": annotation})
    scope = getattr(_plain_function(function), "__globals__", {})
    return typing.get_type_hints(holder, globalns=scope, localns=names, include_extras=True)["it"]


def _plain_function(function: Any) -> Any:
    """Look through wrappers, partials, methods and callable objects for the function with the annotations."""
    function = inspect.unwrap(function)
    while hasattr(function, "func") or hasattr(function, "__func__"):  # functools.partial, a bound method
        function = getattr(function, "func", None) or function.__func__
    if not hasattr(function, "__code__") and not isinstance(function, type):
        function = type(function).__call__
    return function


def _defining_frame(target: Any) -> FrameType | None:
    around = target.__qualname__.split(".")
    enclosing = around[around.index("<locals>") - 1] if around.count("<locals>") == 1 else around[-3]
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == enclosing and frame.f_globals is target.__globals__:
            return frame
        frame = frame.f_back
    return None
