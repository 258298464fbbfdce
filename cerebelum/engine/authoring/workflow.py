"""`@workflow`: plain Python that survives a crash. A function, `async def` or `def`, that calls steps, sleeps and waits."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.authoring.alone import ALONE
from cerebelum.engine.authoring.plain import Recorded, call_plain, in_form
from cerebelum.engine.authoring.signature import CallSignature
from cerebelum.engine.domain.durations import Duration, duration_us
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.queues import checked_queue

if TYPE_CHECKING:  # few workflows have any
    from cerebelum.engine.authoring.schedules import Declared

P = ParamSpec("P")
R = TypeVar("R")


class WorkflowDefinition(Recorded, Generic[P, R]):
    """A declared workflow. Called inside a workflow it starts a child execution; elsewhere it is the function."""

    def __init__(
        self,
        function: Callable[P, Any],
        *,
        name: str | None = None,
        timeout: Duration | None = None,
        max_retries: int = 0,
        queue: str | None = None,
    ) -> None:
        if not _gives_a_result(function):
            raise DefinitionError(
                f"@workflow {getattr(function, '__name__', function)!r} must be a function that returns its result: "
                f"an `async def` or a plain `def`"
            )
        if type(max_retries) is not int or max_retries < 0:
            raise DefinitionError(f"@workflow: max_retries={max_retries!r} must be a whole number, 0 or more")
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.begin: Callable[..., Coroutine[Any, Any, R]] = (
            function if self.is_async else functools.partial(call_plain, function)
        )
        self.name = name or function.__name__
        self.timeout_us = None if timeout is None else duration_us(timeout, what=f"@workflow {self.name}: timeout")
        self.max_retries = max_retries
        self.queue = None if queue is None else checked_queue(queue, what=f"@workflow {self.name}: queue")
        self.signature = CallSignature.of(function)
        self.code = ""  # short source digest, set when it is registered
        self.schedules: tuple[Declared, ...] = ()  # what stands above it: `cerebelum.cron` and its kin
        self.__name__ = self.name
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__qualname__ = function.__qualname__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        if slot.activation is None:
            called = (
                in_form(self.function(*args, **kwargs)) if self.is_async else ALONE.call(self.function, *args, **kwargs)
            )
            return cast("Coroutine[Any, Any, R]", called)
        return self._as_child(args, kwargs, None, sys._getframe(1))

    def child(self, *args: Any, id: str, **kwargs: Any) -> Coroutine[Any, Any, R]:  # noqa: A002 - as in client.start
        """Inside a workflow: start it as a child under an id of your own."""
        return self._as_child(args, kwargs, id, sys._getframe(1))

    def _as_child(self, args: Any, kwargs: Any, child_id: str | None, caller: Any) -> Coroutine[Any, Any, R]:
        called = self._await_child(args, kwargs, child_id, (caller.f_code, caller.f_lineno))
        return cast("Coroutine[Any, Any, R]", in_form(called))

    async def _await_child(self, args: Any, kwargs: Any, child_id: str | None, line: tuple[Any, int]) -> R:
        activation = slot.activation
        if activation is None:
            raise DefinitionError(f"{self.name}.child(…) has a meaning inside a workflow only; use client.start(…)")
        return cast("R", await activation.start_child(self, args, kwargs, child_id, line))

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"


class _Decorator(Protocol):
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> WorkflowDefinition[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> WorkflowDefinition[P, R]: ...


def _gives_a_result(function: Any) -> bool:
    if not inspect.isfunction(function) and not inspect.ismethod(function):
        return False
    return not inspect.isgeneratorfunction(function) and not inspect.isasyncgenfunction(function)


@overload
def workflow(function: Callable[P, Coroutine[Any, Any, R]], /) -> WorkflowDefinition[P, R]: ...
@overload
def workflow(function: Callable[P, R], /) -> WorkflowDefinition[P, R]: ...
@overload
def workflow(
    name: str | None = None, /, *, timeout: Duration | None = None, max_retries: int = 0, queue: str | None = None
) -> _Decorator: ...


def workflow(function: Any = None, /, **options: Any) -> Any:
    """Declare a function as a workflow; `@workflow`, `@workflow("name", …)` or `@workflow(timeout=…)`.

    A plain `def` waits where it stands: inside it, steps, child workflows and waits are called without `await` and give
    their results, `time.sleep` is a durable timer, and `together` runs calls at the same time.

    Args:
        name: how it is started and listed; default: the function's name.
        timeout: of the whole execution, waits included; then it fails with `WorkflowTimedOut` and compensates.
        max_retries: how often a failed execution begins anew; completed steps keep their results.
        queue: of its executions, where a start names no other; see `step` for what it limits.

    Raises:
        DefinitionError: not a function, one that yields, or an option that cannot work.
    """
    if function is None or isinstance(function, str):
        return lambda f: WorkflowDefinition(f, name=function, **options)
    return WorkflowDefinition(function)
