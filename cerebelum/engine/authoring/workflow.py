"""`@workflow`: plain Python that survives a crash. An `async def` that calls steps, sleeps and waits."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.authoring.signature import CallSignature
from cerebelum.engine.domain.durations import Duration, duration_us
from cerebelum.engine.domain.errors import DefinitionError

P = ParamSpec("P")
R = TypeVar("R")


class WorkflowDefinition(Generic[P, R]):
    """A declared workflow. Called inside a workflow it starts a child execution; elsewhere it is the function."""

    def __init__(
        self,
        function: Callable[P, Coroutine[Any, Any, R]],
        *,
        name: str | None = None,
        timeout: Duration | None = None,
        max_retries: int = 0,
    ) -> None:
        if not inspect.iscoroutinefunction(function):
            raise DefinitionError(
                f"@workflow {getattr(function, '__name__', function)!r} must be an `async def`; "
                f"functions with side effects are steps"
            )
        if type(max_retries) is not int or max_retries < 0:
            raise DefinitionError(f"@workflow: max_retries={max_retries!r} must be a whole number, 0 or more")
        self.function = function
        self.name = name or function.__name__
        self.timeout_us = None if timeout is None else duration_us(timeout, what=f"@workflow {self.name}: timeout")
        self.max_retries = max_retries
        self.signature = CallSignature.of(function)
        self.code = ""  # short source digest, set when it is registered
        self.__name__ = self.name
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__qualname__ = function.__qualname__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        if slot.activation is None:
            return self.function(*args, **kwargs)
        return self._as_child(args, kwargs, None, sys._getframe(1))

    def child(self, *args: Any, id: str, **kwargs: Any) -> Coroutine[Any, Any, R]:  # noqa: A002 - as in client.start
        """Inside a workflow: start it as a child under an id of your own."""
        return self._as_child(args, kwargs, id, sys._getframe(1))

    def _as_child(self, args: Any, kwargs: Any, child_id: str | None, caller: Any) -> Coroutine[Any, Any, R]:
        return self._await_child(args, kwargs, child_id, (caller.f_code, caller.f_lineno))

    async def _await_child(self, args: Any, kwargs: Any, child_id: str | None, line: tuple[Any, int]) -> R:
        activation = slot.activation
        if activation is None:
            raise DefinitionError(f"{self.name}.child(…) has a meaning inside a workflow only; use client.start(…)")
        return cast("R", await activation.start_child(self, args, kwargs, child_id, line))

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"


@overload
def workflow(function: Callable[P, Coroutine[Any, Any, R]], /) -> WorkflowDefinition[P, R]: ...
@overload
def workflow(
    name: str | None = None, /, *, timeout: Duration | None = None, max_retries: int = 0
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], WorkflowDefinition[P, R]]: ...


def workflow(function: Any = None, /, **options: Any) -> Any:
    """Declare an `async def` as a workflow; `@workflow`, `@workflow("name", …)` or `@workflow(timeout=…)`.

    Args:
        name: how it is started and listed; default: the function's name.
        timeout: of the whole execution, waits included; then it fails with `WorkflowTimedOut` and compensates.
        max_retries: how often a failed execution begins anew; completed steps keep their results.

    Raises:
        DefinitionError: not an `async def`, or an option that cannot work.
    """
    if function is None or isinstance(function, str):
        return lambda f: WorkflowDefinition(f, name=function, **options)
    return WorkflowDefinition(function)
