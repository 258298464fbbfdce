"""What a workflow can wait for, and the other words it may say to its execution."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, NoReturn, TypeVar, overload

from cerebelum.engine.authoring.activation import Activation, current
from cerebelum.engine.authoring.outcome import Sleep
from cerebelum.engine.authoring.plain import either_form
from cerebelum.engine.domain.durations import US_PER_S, Duration, duration_us, instant_us
from cerebelum.engine.domain.errors import InvalidTime
from cerebelum.engine.domain.errors_runtime import ContinueAsNew, NotInStep

T = TypeVar("T")
_UNITS_S = {"ms": 0.001, "seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


def activation_of(call: str) -> Activation:
    """Return the current activation.

    Raises:
        NotInStep: `call` was made outside workflow code.
    """
    activation = current()
    if activation is None:
        raise NotInStep(f"{call} has a meaning inside a workflow only: call it from the `@workflow` function")
    return activation


@either_form
async def _sleep(duration: Duration) -> None:
    await asyncio.sleep(duration_us(duration, what="sleep(…)") / US_PER_S)


@overload
def sleep(duration: Duration, /) -> Coroutine[Any, Any, None]: ...
@overload
def sleep(duration: Duration | dict[str, float], state: Any, /) -> Sleep: ...


def sleep(duration: Any, /, *state: Any) -> Any:
    """Sleep on a durable timer; the same as `asyncio.sleep`, and takes a timedelta as well.

    Returned from a function of a `Workflow`, `sleep(duration, state)` goes on with `state` after the pause; there
    `{"ms": 500}` is a duration too.
    """
    if not state:
        return _sleep(duration)
    if isinstance(duration, dict):
        unknown = [unit for unit in duration if unit not in _UNITS_S]
        if unknown:
            raise InvalidTime(f"sleep({duration!r}, …): unknown unit {unknown[0]!r}; one of {', '.join(_UNITS_S)}")
        duration = sum(_UNITS_S[unit] * amount for unit, amount in duration.items())
    return Sleep(duration_us(duration, what="sleep(…)"), state[0])


@either_form
async def sleep_for(*, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
    """Sleep for the sum of the given units."""
    await _sleep(seconds + 60 * minutes + 3600 * hours + 86400 * days)


@either_form
async def sleep_until(moment: datetime) -> None:
    """Sleep until an aware datetime; return at once when it has passed.

    Raises:
        InvalidTime: `moment` is naive.
    """
    due_us = instant_us(moment, what="sleep_until(…)")
    activation = activation_of("sleep_until(…)")
    if due_us > activation.now_us():
        await activation.sleep_until_us(due_us)


@either_form
async def wait_for_signal(
    name: str,
    *,
    match: Callable[[Any], bool] | None = None,
    timeout: Duration | None = None,  # noqa: ASYNC109 - a durable timeout, recorded as the wait's own
    type: type[T] | Any = Any,  # noqa: A002 - reads well at the call: type=Payment
) -> Any:
    """Wait for a signal of this name and return its payload; one that came early is taken at once.

    Args:
        name: as in `cerebelum signal ID NAME`.
        match: a signal for which it is false is left aside for later waits. It must not have side effects.
        timeout: a timedelta or seconds.
        type: what the payload is decoded as.

    Raises:
        SignalTimedOut: no matching signal came in time (a `TimeoutError`).
    """
    timeout_us = None if timeout is None else duration_us(timeout, what="wait_for_signal(timeout=…)")
    return await activation_of("wait_for_signal(…)").wait_for_signal(name, match, timeout_us, type)


def continue_as_new(*args: Any, **kwargs: Any) -> NoReturn:
    """End this execution and continue as a new one with these arguments and an empty history."""
    activation_of("continue_as_new(…)")
    raise ContinueAsNew(args, kwargs)


def patched(patch_id: str) -> bool:
    """Return True in executions that reach this line for the first time on code that has it.

    `if patched("fraud-check"): await fraud_check(order)`: executions that were past this line before the change
    keep the old branch; all others, and every replay of them, take the new one.
    """
    return activation_of("patched(…)").patched(patch_id)
