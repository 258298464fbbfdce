"""What a run's code offers and waits for without a command: queries, updates, conditions of its own state.

Rules:
- An update is accepted outside (`updates.py`) and applied here as a trigger: its handler runs as a task of the workflow.
- A workflow that returns waits for the handlers that still run; one that fails or is cancelled does not.
- Conditions are looked at, in the order of their waits, when the code can go no further after a trigger; those that are
  true go on together, and then all are looked at again until none is.
- Code that begins anew (`ExecutionRetried`) finds the updates that were not finished waiting for their handlers.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Raw, structs

from cerebelum.engine.authoring.outcome import Error
from cerebelum.engine.authoring.plain import call_plain
from cerebelum.engine.authoring.signature import CallSignature
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_messages import UnknownQuery
from cerebelum.engine.domain.errors_runtime import ErrorResult
from cerebelum.engine.runtime.calls import decode_call
from cerebelum.engine.runtime.failures import describe_error
from cerebelum.engine.runtime.looking import look
from cerebelum.engine.runtime.loop import TurnLimit, WorkflowFuture

if TYPE_CHECKING:
    from cerebelum.engine.runtime.asking import Asking

_ROUND_LIMIT = 10_000  # of conditions in one activation: two tasks that wake each other for ever must not hang the node


class Offer:
    """A function for callers outside, and an update's validator."""

    __slots__ = ("function", "signature", "validate")

    def __init__(self, function: Callable[..., Any], validate: Callable[..., Any] | None = None) -> None:
        self.function, self.validate = function, validate
        self.signature = CallSignature.of(function)


class Listening:
    """Of one run; see the module's rules.

    Attributes:
        queries, updates: by name.
    """

    __slots__ = ("_conditions", "_early", "_tasks", "_unfinished", "queries", "updates")

    def __init__(self) -> None:
        self.queries: dict[str, Offer] = {}
        self.updates: dict[str, Offer] = {}
        self._conditions: list[tuple[Callable[[], Any], WorkflowFuture]] = []
        self._early: dict[int, ev.UpdateAccepted] = {}  # accepted; no handler yet in this run of the code
        self._unfinished: dict[int, ev.UpdateAccepted] = {}  # their handlers run
        self._tasks: dict[int, asyncio.Task[None]] = {}  # of these

    @property
    def is_waiting(self) -> bool:
        """Whether code waits for its own state, or callers may come."""
        return bool(self._conditions or self.updates)

    def begin_anew(self) -> None:
        """The code was thrown away; what was accepted and is not answered waits for its next run."""
        self._early = dict(sorted({**self._early, **self._unfinished}.items()))
        self._unfinished, self._tasks = {}, {}
        self.queries.clear()
        self.updates.clear()
        self._conditions.clear()

    # -- updates --------------------------------------------------------------------------------------------------
    def on_update(self, run: Asking, name: str, offer: Offer) -> None:
        """Take updates from now on, and those that came before."""
        self.updates[name] = offer
        for version in [version for version, event in self._early.items() if event.name == name]:
            self._start(run, version, self._early.pop(version), offer)

    def accepted(self, run: Asking, event: ev.UpdateAccepted, version: int) -> None:
        """Run the handler of an accepted update."""
        offer = self.updates.get(event.name)
        if offer is None:
            self._early[version] = event
        else:
            self._start(run, version, event, offer)

    def _start(self, run: Asking, version: int, event: ev.UpdateAccepted, offer: Offer) -> None:
        self._unfinished[version] = event
        handling = self._handle(run, version, event, offer)
        self._tasks[version] = run.loop.create_task(
            handling, name=f"update {event.name}", context=contextvars.Context()
        )

    async def finish(self) -> None:
        """Return once the handler of each accepted update is done: whoever was told yes gets an answer."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def _handle(self, run: Asking, version: int, event: ev.UpdateAccepted, offer: Offer) -> None:
        what = f"update {event.name!r}"
        try:
            args, kwargs = decode_call(run.codec, bytes(event.args), offer.signature, what=f"arguments of {what}")
            result = await call_plain(offer.function, *args, **kwargs)
            if isinstance(result, Error):
                raise ErrorResult(result.reason)
            data, _ = run.codec.encode(result, offer.signature.result_type, what=f"result of {what}")
        except (Exception, asyncio.CancelledError) as error:
            if run.discarded:
                raise
            info = structs.replace(describe_error(error), traceback="")
            run._ask(ev.UpdateFailedEvent(number=run.number + 1, of=version, error=info))
        else:
            run._ask(ev.UpdateCompleted(number=run.number + 1, of=version, result=Raw(data)))
        finally:
            self._tasks.pop(version, None)
        self._unfinished.pop(version, None)

    # -- conditions -----------------------------------------------------------------------------------------------
    async def wait_until(self, run: Asking, condition: Callable[[], Any]) -> None:
        """Return once the condition holds."""
        while not look(run, "the condition of wait_until", condition):
            future = run.loop.create_future()
            self._conditions.append((condition, future))
            await future

    def settle(self, run: Asking) -> None:
        """Let those go on whose condition holds, until none does.

        Raises:
            TurnLimit: waits of this code satisfy one another for ever.
        """
        for _ in range(_ROUND_LIMIT):
            if not self._wake_true_ones(run):
                return
            run.loop.run_until_idle()
        raise TurnLimit(f"{_ROUND_LIMIT:,} rounds of wait_until in which something changed")

    def _wake_true_ones(self, run: Asking) -> bool:
        waiting, self._conditions = [entry for entry in self._conditions if not entry[1].done()], []
        woken = False
        for condition, future in waiting:
            try:
                holds = look(run, "the condition of wait_until", condition)
            except Exception as error:
                future.set_exception(error)
                woken = True
                continue
            if holds:
                future.set_result(None)
                woken = True
            else:
                self._conditions.append((condition, future))
        return woken


def answer(run: Asking, name: str, call: bytes) -> bytes:
    """Return the result of a query as JSON text in clear. Call it between activations.

    Raises:
        UnknownQuery: the code has declared none of this name.
        QueryMayNotAct: it does more than to look.
    """
    queries = {} if run.listening is None else run.listening.queries
    offer = queries.get(name)
    if offer is None:
        raise UnknownQuery(run.execution_id, name, tuple(sorted(queries)))
    what = f"query {name!r}"
    args, kwargs = decode_call(run.stored_codec, call, offer.signature, what=f"arguments of {what}")
    result = look(run, what, offer.function, *args, **kwargs)
    return run.stored_codec.encode(result, offer.signature.result_type, what=f"result of {what}", sealed=False)[0]
