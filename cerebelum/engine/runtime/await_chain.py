"""What a suspended coroutine awaits, down to the innermost: coroutines, generators and async generators.

A future knows no waiter's task, so a chain ends there.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Suspended = CoroutineType[Any, Any, Any] | AsyncGeneratorType[Any, Any] | GeneratorType[Any, Any, Any]

_KINDS = (CoroutineType, AsyncGeneratorType, GeneratorType)
# What an `async for`, `anext` or `__await__` puts between two of them; each refers to the object it drives.
_WRAPPERS = frozenset({"async_generator_asend", "async_generator_athrow", "coroutine_wrapper", "anext_awaitable"})


def await_chain(awaited: Any) -> Iterator[Suspended]:
    """Yield `awaited` and what it awaits, outermost first; those that have ended included."""
    while awaited is not None:
        if isinstance(awaited, CoroutineType):
            yield awaited
            awaited = awaited.cr_await
        elif isinstance(awaited, AsyncGeneratorType):
            yield awaited
            awaited = awaited.ag_await
        elif isinstance(awaited, GeneratorType):
            yield awaited
            awaited = awaited.gi_yieldfrom
        elif type(awaited).__name__ in _WRAPPERS:
            awaited = _driven(awaited)
        else:
            return


def _driven(wrapper: Any) -> Any:
    found = gc.get_referents(wrapper)
    driven = next((each for each in found if isinstance(each, _KINDS)), None)
    return driven or next((each for each in found if type(each).__name__ in _WRAPPERS), None)
