"""`@step`: a function with side effects, called by a workflow, retried, its result recorded.

Outside a workflow a step is just the function: unit tests need no engine.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar, overload

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.authoring.plain import Recorded, in_form
from cerebelum.engine.authoring.signature import CallSignature
from cerebelum.engine.domain.durations import Duration, duration_us
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.queues import checked_queue
from cerebelum.engine.domain.retry import NO_RETRY, Retry

P = ParamSpec("P")
R = TypeVar("R")


class StepDefinition(Recorded, Generic[P, R]):
    """A declared step. Calling it in a workflow gives an awaitable, in one that is a plain `def` the result; elsewhere it
    calls the function.
    """

    def __init__(
        self,
        function: Callable[P, Any],
        *,
        name: str | None = None,
        retry: Retry | None = None,
        timeout: Duration | None = None,
        at_most_once: bool = False,
        transactional: bool = False,
        compensate: Callable[..., Any] | None = None,
        queue: str | None = None,
    ) -> None:
        if not callable(function):
            raise DefinitionError(f"@step needs a function, not {function!r}")
        self.function = function
        self.name: str = name or str(getattr(function, "__name__", repr(function)))
        self.is_async = inspect.iscoroutinefunction(function)
        self.retry = _checked_retry(retry, self.name, at_most_once=at_most_once)
        self.timeout_us = None if timeout is None else duration_us(timeout, what=f"@step {self.name}: timeout")
        self.at_most_once, self.transactional = at_most_once, transactional
        if compensate is not None and not callable(compensate):
            raise DefinitionError(f"@step {self.name}: compensate={compensate!r} is not a function or step")
        self.compensate = compensate
        self.queue = None if queue is None else checked_queue(queue, what=f"@step {self.name}: queue")
        self.signature = CallSignature.of(function)
        self.__name__ = self.name
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self.__qualname__ = getattr(function, "__qualname__", self.name)
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        if slot.activation is None:
            called = self.function(*args, **kwargs)
            alone: Coroutine[Any, Any, R] = in_form(called) if self.is_async else called
            return alone
        caller = sys._getframe(1)
        asked: Coroutine[Any, Any, R] = in_form(self._in_workflow(args, kwargs, (caller.f_code, caller.f_lineno)))
        return asked

    async def _in_workflow(self, args: Any, kwargs: Any, line: tuple[Any, int]) -> R:
        activation = slot.activation
        assert activation is not None, "a step's coroutine only ever runs on its workflow's loop"
        result: R = await activation.call_step(self, args, kwargs, line)
        return result

    def __repr__(self) -> str:
        return f"<step {self.name}>"


def _checked_retry(retry: Retry | None, name: str, *, at_most_once: bool) -> Retry:
    if retry is None:
        return NO_RETRY
    if not isinstance(retry, Retry):
        raise DefinitionError(f"@step {name}: retry must be a Retry(…), not {retry!r}")
    if at_most_once and retry.max_attempts > 1:
        raise DefinitionError(f"@step {name}: at_most_once and retry contradict each other; drop one")
    return retry


@overload
def step(function: Callable[P, Coroutine[Any, Any, R]], /) -> StepDefinition[P, R]: ...
@overload
def step(function: Callable[P, R], /) -> StepDefinition[P, R]: ...
@overload
def step(
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    at_most_once: bool = False,
    transactional: bool = False,
    compensate: Callable[..., Any] | None = None,
    queue: str | None = None,
) -> Callable[[Callable[P, Any]], StepDefinition[P, Any]]: ...


def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a function with side effects as a step of workflows.

    An `async def` runs on the node's event loop, a plain `def` in a thread.

    Args:
        name: what histories and messages call it; default: the function's name.
        retry: tries beyond the first; default: none.
        timeout: of one attempt; a timedelta or seconds. It counts as a failed attempt.
        at_most_once: running it twice is worse than not at all. Its start is committed first, and after a crash it
            fails with `StepInterrupted` instead of running again.
        transactional: `transaction().execute(sql, parameters)` inside it writes to the store's own database in the
            transaction that records its result: exactly once.
        compensate: a step that undoes it, given its result; the saga around it, or else the workflow, runs it on failure.
        queue: limits how many of its steps a node runs at once; default: the execution's queue.

    Raises:
        DefinitionError: an option that cannot work.
    """
    if function is not None:
        return StepDefinition(function)
    return lambda f: StepDefinition(f, **options)
