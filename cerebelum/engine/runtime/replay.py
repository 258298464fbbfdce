"""Replay: workflow code against its history, with no side effect.

The k-th command that the code gives must be the k-th that the history records: kind, number, name and arguments.
A command is recorded after the trigger that led to it, so every recorded command in front of a trigger must have been
given by then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, NoReturn

import msgspec
from msgspec import Raw, structs

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.domain.errors_determinism import ActivationBlocked
from cerebelum.engine.runtime.clear_payloads import unsealed, without_payload
from cerebelum.engine.runtime.code_line import waiting_line
from cerebelum.engine.runtime.loop import TurnLimit
from cerebelum.engine.runtime.rendering import render
from cerebelum.engine.runtime.run import TRIGGERS, WorkflowRun

Watch = Callable[..., None]
_DETAIL_CHARS = 200
_NOTHING_ASKED = "nothing: the code waits or has ended"


def unwatched(_: str, activate: Callable[..., None], *args: Any) -> None:
    """Run an activation and let it take its time."""
    activate(*args)


class Replay:
    """Feeds a history to a run. Iterate `steps` for frames, or call `to_end`.

    Args:
        observe: for people who look at the past: an end that differs, and code that spins, do not raise; they are
            found in `ending` and `stuck`.
        watch: `watch(execution_id, activate, *args)` runs an activation, and interrupts one that does not end. Each on
            its own: a long history may take long, one activation may not.

    Attributes:
        ending: the recorded final command and the one that the code gave (None: it gave none), once that is known.
        stuck: why the code was left where it is.
        last_version: of the history. Set it where the history has grown while `steps` stands at its end.
    """

    def __init__(
        self, run: WorkflowRun, history: Sequence[ev.RecordedEvent], *, observe: bool = False, watch: Watch = unwatched
    ) -> None:
        self.run, self._watch = run, watch
        self.history = history
        self.last_version = history[-1].version if history else 0
        self.ending: tuple[ev.Command, ev.Command | None] | None = None
        self.stuck: TurnLimit | ActivationBlocked | None = None
        self._observe = observe
        self._asked: deque[ev.Command] = deque()
        run.recorded_patches = frozenset(
            event.patch
            for e in history
            if e.type == "version_marker" and isinstance(event := e.event(), ev.VersionMarker)
        )

    def to_end(self) -> list[ev.Command]:
        """Apply the whole history; return the commands given that it does not hold yet.

        Raises:
            HistoryMismatch: the first difference, with the event's version and both lines.
        """
        apply = self.applier()
        for recorded in self.history:
            apply(recorded)
        self.run.replaying = False
        return list(self._asked)

    def steps(self) -> Generator[tuple[ev.RecordedEvent, ev.Event | ev.UnknownEvent], None, None]:
        """Apply the history one event at a time, and yield each after it was applied.

        To look at a part of a history, give the whole and stop iterating: what comes later decides what `patched`
        answers before.

        Raises:
            HistoryMismatch: as `to_end`.
        """
        apply = self.applier()
        for recorded in self.history:
            event = apply(recorded)
            yield recorded, recorded.event() if event is None else event
        self.run.replaying = False

    def turns(self, events: int, *, to_version: int) -> Generator[int, None, None]:
        """Apply the history up to an event, and yield the version reached after every so many, and at the end.

        Faster than `steps` where nobody looks at single events. Raises as `to_end`.
        """
        apply, version = self.applier(), 0
        for recorded in self.history:
            apply(recorded)
            version = recorded.version
            if version >= to_version:
                break
            if version % events == 0:
                yield version
        yield version

    def applier(self) -> Callable[[ev.RecordedEvent], ev.Event | ev.UnknownEvent | None]:
        """Return what applies the events of the history, one a call, in their order.

        It returns the event where it had to decode it: a command that was recorded byte for byte as the code asks for
        it now need not be, and half of a history is such commands. It raises as `to_end`.
        """
        run, asked, begins_at = self.run, self._asked, self._checkpoint()

        def apply(recorded: ev.RecordedEvent) -> ev.Event | ev.UnknownEvent | None:
            if asked and _is_as_recorded(asked[0], recorded):
                asked.popleft()
                return None
            event = recorded.event()
            if recorded.version < begins_at:
                if isinstance(event, ev.ExecutionStarted):
                    run.started = event
            elif recorded.version == begins_at or type(event) in TRIGGERS:
                run.replaying = recorded.version < self.last_version
                self._apply(event, recorded)
                if run.commands:
                    asked.extend(run.take_commands())
            elif isinstance(event, ev.Command) and event.number:  # number 0: the engine itself ended it
                self._check(event, recorded.version)
            return event

        return apply

    def _checkpoint(self) -> int:
        """Return the version where a history begins that was read for recovery only; 0 for a whole one."""
        if len(self.history) > 1 and self.history[1].version > self.history[0].version + 1:
            return self.history[1].version
        return 0

    def _apply(self, event: Any, recorded: ev.RecordedEvent) -> None:
        run = self.run
        if type(event) is ev.CheckpointCreated:
            if run.stored_codec.has_transforms:
                event = unsealed(event, run.stored_codec)
            recorded = structs.replace(recorded, at_us=event.now_us)
        if type(event) is ev.ExecutionRetried and (run.retry is None or run.retry.error.name != event.error.name):
            now = _NOTHING_ASKED if run.retry is None else f"{run.retry.type}  {run.retry.error.name}"
            self._refuse(recorded.version, f"{event.type}  {event.error.name}", now, "", self._line())
        try:
            self._watch(run.execution_id, run.apply, event, recorded.version, recorded.at_us)
        except (TurnLimit, ActivationBlocked) as error:
            if not self._observe:
                raise
            self.stuck, run.ended = error, True
            if isinstance(error, ActivationBlocked):
                run.commands.clear()  # among them what the code made of the interrupt

    def _check(self, recorded: ev.Command, version: int) -> None:
        asked = self._asked.popleft() if self._asked else None
        seals = self.run.stored_codec.has_transforms
        if seals:
            recorded = unsealed(recorded, self.run.stored_codec)
        final = recorded.type in ev.FINAL_TYPES
        if final:
            self.ending = recorded, asked
        if asked is not None and same_command(recorded, asked):
            return
        if final and self._observe and (asked is None or asked.type in ev.FINAL_TYPES):
            return
        if asked is None and isinstance(self.stuck, ActivationBlocked):
            raise self.stuck  # it names the line that never ends; "nothing was asked" would not
        was, now = describe_command(recorded), _NOTHING_ASKED if asked is None else describe_command(asked)
        if asked is not None and was == now:
            # The message may be stored, as the reason of a pause: it must not show what is stored sealed.
            shown = (without_payload(recorded), without_payload(asked)) if seals else (recorded, asked)
            was, now = _in_detail(was, shown[0]), _in_detail(now, shown[1])
        self._refuse(version, was, now, recorded.line, self._line() if asked is None else asked.line)

    def _refuse(self, version: int, was: str, now: str, recorded_line: str, line: str) -> NoReturn:
        raise HistoryMismatch(
            self.run.execution_id,
            version=version,
            recorded=was,
            requested=now,
            recorded_line=recorded_line,
            requested_line=line,
        )

    def _line(self) -> str:
        main = self.run._main
        return "" if main is None or main.done() else waiting_line(main.get_coro())


def _is_as_recorded(asked: ev.Command, recorded: ev.RecordedEvent) -> bool:
    """Return whether `asked` is what was recorded, to the byte. Of an end it says no: that is looked at closely."""
    return asked.type == recorded.type and asked.type not in ev.FINAL_TYPES and ev.encode_event(asked) == recorded.data


def same_command(recorded: ev.Command, asked: ev.Command) -> bool:
    """Return whether both ask for the same; lines may differ, and so may the words of an error."""
    if type(recorded) is not type(asked) or recorded.number != asked.number:
        return False
    if isinstance(recorded, ev.StepScheduled) and isinstance(asked, ev.StepScheduled):
        return recorded.name == asked.name and bytes(recorded.args) == bytes(asked.args)
    if isinstance(recorded, ev.InputRequested) and isinstance(asked, ev.InputRequested):
        return (recorded.name, recorded.due_us) == (asked.name, asked.due_us)  # its texts may be mended
    if isinstance(recorded, ev.ExecutionFailedEvent) and isinstance(asked, ev.ExecutionFailedEvent):
        return recorded.error.name == asked.error.name
    if isinstance(recorded, ev.UpdateFailedEvent) and isinstance(asked, ev.UpdateFailedEvent):
        return (recorded.of, recorded.error.name) == (asked.of, asked.error.name)
    if isinstance(recorded, ev.CompensationFailed):
        return True
    return ev.encode_event(structs.replace(recorded, line="")) == ev.encode_event(structs.replace(asked, line=""))


def describe_command(command: ev.Command) -> str:
    """Return "step_scheduled charge_card" and the like, for people."""
    name = getattr(command, "name", None) or getattr(command, "workflow", None) or getattr(command, "patch", None)
    if name is None and isinstance(command, ev.ExecutionFailedEvent):
        name = command.error.name
    return f"{command.type}  {name}" if name else command.type


def _in_detail(text: str, command: ev.Command) -> str:
    """Return `text` with what else the command says, for two that read alike."""
    fields = structs.asdict(command)
    shown = {name: _readable(value) for name, value in fields.items() if name not in ("line", "name")}
    return f"{text}  {render(shown, chars=_DETAIL_CHARS)}"


def _readable(value: Any) -> Any:
    if isinstance(value, Raw):
        return msgspec.json.decode(value) if bytes(value) else None
    return value.name if isinstance(value, ev.ErrorInfo) else value
