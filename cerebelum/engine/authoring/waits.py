"""What a workflow can wait for, and the other words it may say to its execution."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from cerebelum.engine.authoring.activation import Activation, current
from cerebelum.engine.domain.durations import US_PER_S, Duration, duration_us, instant_us
from cerebelum.engine.domain.errors_runtime import ContinueAsNew, NotInStep

T = TypeVar("T")


def activation_of(call: str) -> Activation:
    """Return the current activation.

    Raises:
        NotInStep: `call` was made outside workflow code.
    """
    activation = current()
    if activation is None:
        raise NotInStep(f"{call} has a meaning inside a workflow only: call it from the `@workflow` function")
    return activation


async def sleep(duration: Duration) -> None:
    """Sleep on a durable timer; the same as `asyncio.sleep`, and takes a timedelta as well."""
    await asyncio.sleep(duration_us(duration, what="sleep(…)") / US_PER_S)


async def sleep_for(*, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
    """Sleep for the sum of the given units."""
    await sleep(seconds + 60 * minutes + 3600 * hours + 86400 * days)


async def sleep_until(moment: datetime) -> None:
    """Sleep until an aware datetime; return at once when it has passed.

    Raises:
        InvalidTime: `moment` is naive.
    """
    due_us = instant_us(moment, what="sleep_until(…)")
    activation = activation_of("sleep_until(…)")
    if due_us > activation.now_us():
        await activation.sleep_until_us(due_us)


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
