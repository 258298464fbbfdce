"""Plain `def` code of workflows: it runs in a greenlet, and where it waits, a coroutine awaits in its stead.

Rules:
- The greenlet is driven by a coroutine of a task of the workflow's loop and shares its context, so tasks, cancellation,
  closing and context variables are those of asyncio. What is thrown at the coroutine is thrown into the plain code.
- `slot.plain` is the plain code that runs right now. Coroutines never run inside a greenlet: they see None there, and a
  call of a step is an awaitable to them, as ever.
- A suspended greenlet is ended through its coroutine, in its own thread: left to the interpreter it would go on once
  more, outside the workflow.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.authoring.alone import ALONE
from cerebelum.engine.domain.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from greenlet import greenlet

P = ParamSpec("P")
R = TypeVar("R")


class Recorded:
    """What asks its execution when it is called, instead of running: steps and workflows."""


class PlainCode:
    """A call of a plain function that may stop half-way, to go on when what it waits for is there."""

    __slots__ = ("_greenlet", "_started")

    def __init__(self, call: Callable[[], Any]) -> None:
        from greenlet import greenlet  # a workflow that is an `async def` never needs it

        self._greenlet: greenlet = greenlet(functools.partial(_run, call))
        self._started = False

    def resume(self, outcome: Any, failures: list[BaseException]) -> Any:
        """Go on with `outcome`, or with the failure that is taken from the list; return what it waits for next.

        When it has `ended`, what it returned; what it raises comes through.
        """
        from greenlet import getcurrent

        code, driver = self._greenlet, getcurrent()
        code.parent = driver
        outer, slot.plain = slot.plain, self
        try:
            if failures:
                failure = failures.pop()  # no variable of ours may keep it: its traceback leads back to here
                return code.throw(type(failure), failure, failure.__traceback__)
            if self._started:
                return code.switch(outcome)
            self._started, code.gr_context = True, driver.gr_context
            return code.switch()
        finally:
            failure = None  # type: ignore[assignment]
            slot.plain = outer

    @property
    def ended(self) -> bool:
        return bool(self._greenlet.dead)

    def wait(self, awaitable: Awaitable[R]) -> R:
        """Called by the plain code itself: stop here until `awaitable` is done, and return its result."""
        parent = self._greenlet.parent
        assert parent is not None, "plain code runs under its driver"
        result: R = parent.switch(awaitable)
        return result

    def frames(self) -> list[FrameType]:
        """Return the frames of suspended code, outermost first; [] when it runs or has ended."""
        found: list[FrameType] = []
        frame: FrameType | None = self._greenlet.gr_frame
        while frame is not None:
            found.append(frame)
            frame = frame.f_back
        return found[::-1]


def _run(call: Callable[[], R]) -> R:
    return call()  # so that even a step that is the whole call has a frame it is called from


async def call_plain(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function of either form in a workflow, and return its result."""
    called = function.func if isinstance(function, functools.partial) else function
    if issubclass(type(called), Recorded) or inspect.iscoroutinefunction(function):
        return await function(*args, **kwargs)
    if slot.activation is None:
        return ALONE.call(function, *args, **kwargs)
    outcome = await _drive(PlainCode(functools.partial(function, *args, **kwargs)))
    return await outcome if inspect.isawaitable(outcome) else outcome


async def _drive(code: PlainCode) -> Any:
    outcome: Any = None
    failures: list[BaseException] = []
    while True:
        awaited = code.resume(outcome, failures)
        if code.ended:
            return awaited
        try:
            outcome = await awaited
        except BaseException as failure:
            failures.append(failure)


def plain_frames(driver: FrameType) -> list[FrameType]:
    """Return the frames of the plain code that the coroutine of `driver` drives, outermost first; [] for any other."""
    if driver.f_code is not _drive.__code__:
        return []
    code: PlainCode | None = driver.f_locals.get("code")
    return [] if code is None else code.frames()


def with_plain_frames(frames: Iterator[FrameType]) -> Iterator[FrameType]:
    """Yield `frames`, each driver followed by what it drives."""
    for frame in frames:
        yield frame
        if frame.f_code is _drive.__code__:
            yield from plain_frames(frame)


def either_form(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Let plain code of a workflow call this coroutine function too: there the call waits, and gives the result."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        return in_form(function(*args, **kwargs))

    return call


def value_of(call: Awaitable[R]) -> R:
    """In plain `def` code: wait for an awaitable, such as the call of a coroutine function, and return its result.

    The call of a step waits by itself; around it this changes nothing but its type, for type checkers that take every
    call of a step for an awaitable: `total = value_of(charge(order)) + 1`.

    Raises:
        DefinitionError: called in a coroutine of a workflow, which awaits instead.
    """
    given: Any = call
    if not inspect.isawaitable(given):
        result: R = given
        return result
    plain = slot.plain
    if plain is None and slot.activation is not None:
        if inspect.iscoroutine(call):
            call.close()  # the error says it all; "never awaited" would be a second one
        raise DefinitionError("value_of(…) is for plain `def` workflows: in an `async def`, write `await`")
    return (plain or ALONE).wait(call)


def in_form(coroutine: Coroutine[Any, Any, R]) -> Any:
    """Return the coroutine's result where plain code of a workflow runs, the coroutine itself elsewhere."""
    plain = slot.plain
    return coroutine if plain is None else plain.wait(coroutine)
