"""What a workflow offers to those outside while it runs, and waiting for its own state.

@workflow
async def account(limit: int) -> int:
on_query("limit", lambda: limit)
on_update("set_limit", set_limit, validate=must_be_positive)
await wait_until(lambda: closed)
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from cerebelum.engine.authoring.plain import either_form
from cerebelum.engine.authoring.waits import activation_of
from cerebelum.engine.domain.durations import US_PER_S, Duration, duration_us
from cerebelum.engine.domain.errors import DefinitionError


def on_query(name: str, function: Callable[..., Any]) -> None:
    """Answer queries of this name with what `function` returns; declare it where the workflow begins.

    It is asked by `handle.query(name, ...)` and `cerebelum query ID NAME`, also after the end, and only looks: it is a
    plain function, changes nothing, and nothing of it is recorded. The same name again replaces the function.

    Raises:
        DefinitionError: `function` is a coroutine function, or the name is empty.
    """
    _check(name, function, "on_query")
    if inspect.iscoroutinefunction(function):
        raise DefinitionError(f"on_query({name!r}): a query only looks, so its function is a plain `def`")
    activation_of("on_query(…)").on_query(name, function)


def on_update(name: str, handler: Callable[..., Any], *, validate: Callable[..., Any] | None = None) -> None:
    """Take updates of this name: `handler` carries one out, and what it returns is the answer.

    Args:
        name: as in `handle.update(name, ...)` and `cerebelum update ID NAME`.
        handler: plain or async; it may change the workflow's state, and an async one may await steps and waits. It is
            called with the update's arguments, decoded by its annotations.
        validate: called first with the same arguments, in the workflow's state of that moment. It refuses by raising:
            the caller gets `UpdateRefused` with the text, and nothing is recorded. It only looks, and is a plain `def`.

    An update that comes before its handler is declared waits for it. The same name again replaces the handler.

    Raises:
        DefinitionError: `validate` is a coroutine function, or the name is empty.
    """
    _check(name, handler, "on_update")
    if validate is not None and inspect.iscoroutinefunction(validate):
        raise DefinitionError(f"on_update({name!r}): `validate` only looks, so it is a plain `def`")
    activation_of("on_update(…)").on_update(name, handler, validate)


@either_form
async def wait_until(
    condition: Callable[[], Any],
    *,
    timeout: Duration | None = None,  # noqa: ASYNC109 - a durable timeout, recorded as a timer
) -> None:
    """Wait until `condition()` is true; return at once when it is.

    It is looked at again whenever the execution was told something (a step's result, a signal, an update) and the code
    has done with it what it could. The waiting itself is not recorded.

    Args:
        condition: looks at the workflow's own state. It must not have side effects.
        timeout: a timedelta or seconds.

    Raises:
        TimeoutError: it was not true in time.
    """
    activation = activation_of("wait_until(…)")
    if timeout is None:
        await activation.wait_until(condition)
        return
    async with asyncio.timeout(duration_us(timeout, what="wait_until(timeout=…)") / US_PER_S):
        await activation.wait_until(condition)


def _check(name: str, function: Callable[..., Any], call: str) -> None:
    if not name:
        raise DefinitionError(f"{call}({name!r}): the name is empty")
    if not callable(function):
        raise DefinitionError(f"{call}({name!r}, {function!r}): the second argument is the function that answers")
