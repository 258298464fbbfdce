"""What becomes of executions while `cerebelum dev` runs: a line when one ends, fails, or waits for somebody."""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter, deque
from typing import TYPE_CHECKING

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum_cli.outcome import failed_step, place_of_failure
from cerebelum_cli.story import input_command, signal_command
from cerebelum_cli.words import duration, masked, shown

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.domain.projection import ExecutionState
    from cerebelum_cli.dev.voice import Voice

_TOLD = frozenset({*ev.FINAL_TYPES, "wait_started", "input_requested", "execution_paused"})
_MOST_AT_ONCE = 8  # beyond, what came at the same time is counted
_MOST_KEPT = 10_000
_PAUSE_S = 0.25
_RESULT_CHARS = 80
_RESULT_MOST_BYTES = 4_096  # a longer one is not even decoded for a line; `cerebelum result ID` has it


class Happenings:
    """Hears of each event from the node, and tells the ones that matter; many at once become a count."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._news: deque[tuple[str, ev.RecordedEvent]] = deque()
        self._dropped: Counter[str] = Counter()
        self._woken = asyncio.Event()

    def on_event(self, execution_id: str, recorded: ev.RecordedEvent) -> None:
        """Take note of an event that is durable now. Called for every event: it must be quick."""
        if recorded.type not in _TOLD:
            return
        if len(self._news) >= _MOST_KEPT:
            self._dropped[recorded.type] += 1
        else:
            self._news.append((execution_id, recorded))
        self._woken.set()

    async def tell_all(self, engine: Engine) -> None:
        """Tell what happens, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.tell_rest(engine)
            await asyncio.sleep(_PAUSE_S)  # what comes meanwhile comes together

    async def tell_rest(self, engine: Engine) -> None:
        """Tell what has not been told yet."""
        counted, self._dropped = self._dropped, Counter()
        told = 0
        while self._news:
            execution_id, recorded = self._news.popleft()
            if told >= _MOST_AT_ONCE:
                counted[recorded.type] += 1
                continue
            told += 1
            await self._tell(engine, execution_id, recorded)
        if counted:
            texts = [f"{count} {_PLURAL.get(kind, kind)}" for kind, count in sorted(counted.items())]
            self._voice.tell(
                "…", f"and {', '.join(texts)}      cerebelum list",
                counts={_PLURAL.get(kind, kind): count for kind, count in counted.items()},
            )  # fmt: skip

    async def _tell(self, engine: Engine, execution_id: str, recorded: ev.RecordedEvent) -> None:
        from cerebelum.engine.application.query import get_execution

        try:
            view = await get_execution(engine, execution_id)
        except CerebelumError:  # removed meanwhile, or a store that is told of elsewhere
            return
        event, workflow = recorded.event(), view.row.workflow
        facts = {"id": execution_id, "workflow": workflow}
        match event:
            case ev.ExecutionCompleted():
                self._completed(event, view.state, facts)
            case ev.ExecutionFailedEvent():
                self._failed(event.error, view.state, facts)
            case ev.ExecutionCancelledEvent():
                why = f": {event.reason}" if event.reason else ""
                self._voice.tell("cancelled", f"{execution_id} {workflow}{why}", reason=event.reason, **facts)
            case ev.ContinuedAsNew():
                pass  # its successor tells of itself
            case ev.ExecutionPaused():
                self._paused(event.reason, facts)
            case ev.WaitStarted():
                command = signal_command(execution_id, event.name)
                self._waits("signal", event.name, command, facts)
            case ev.InputRequested():
                self._waits("input", event.name, input_command(execution_id, event.name), facts)
            case _:
                pass

    def _completed(self, event: ev.ExecutionCompleted, state: ExecutionState, facts: dict[str, str]) -> None:
        took_us = (state.ended_us or 0) - (state.started_us or 0)
        text = f"{facts['id']} {facts['workflow']}  in {duration(took_us)}"
        result = masked(event.result) if len(bytes(event.result)) <= _RESULT_MOST_BYTES else None
        if result is not None:
            text += f"  {shown(result, limit=_RESULT_CHARS)}"
        self._voice.tell("completed", text, duration_ms=took_us / 1000, result=result, **facts)

    def _waits(self, what: str, name: str, command: str, facts: dict[str, str]) -> None:
        text = f"{facts['id']} {facts['workflow']}  waiting for {what} {name!r}"
        self._voice.tell("waiting", text, [command], waits_for=what, name=name, command=command, **facts)

    def _paused(self, reason: str, facts: dict[str, str]) -> None:
        first, _, rest = reason.partition("\n")
        text = f"{facts['id']} {facts['workflow']}{': ' if first else ''}{first}"
        command = f"cerebelum resume {facts['id']}"
        self._voice.tell("paused", text, [*([rest] if rest else []), command], reason=reason, command=command, **facts)

    def _failed(self, error: ev.ErrorInfo, state: ExecutionState, facts: dict[str, str]) -> None:
        from cerebelum.engine.runtime.code.import_failure import shown_path

        found = failed_step(error, state)
        place = place_of_failure(error, state)
        what = f"{error.name}: {error.message.partition(chr(10))[0]}" if error.message else error.name
        step = "" if found is None else f"step {found[0].name} (attempt {found[0].attempts[-1].attempt})  "
        at = "" if place is None else f"{shown_path(place[0])}:{place[1]}"
        commands = [f"cerebelum replay {facts['id']}", f"cerebelum logs {facts['id']}"]
        if found is not None:
            commands.append(f"cerebelum fork {facts['id']} --at {shlex.quote(found[0].name)} --code current")
        line = f"at {at}  {place[2].strip()}" if place is not None else ""
        self._voice.tell(
            "failed", f"{facts['id']} {facts['workflow']}  {step}{what}", [*([line] if line else []), *commands],
            step=None if found is None else found[0].name, error=what, where=at or None, commands=commands, **facts,
        )  # fmt: skip


_PLURAL = {
    "execution_completed": "completed", "execution_failed": "failed", "execution_cancelled": "cancelled",
    "continued_as_new": "continued as new", "wait_started": "waiting for a signal",
    "input_requested": "waiting for input", "execution_paused": "paused",
}  # fmt: skip
