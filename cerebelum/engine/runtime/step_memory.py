"""Results of completed steps, kept for the next run of a workflow with `max_retries`.

A step of the new run that stands at the same place with the same name and arguments is not repeated, unless a saga
compensated what it did.
"""

from __future__ import annotations

from cerebelum.engine.domain import events as ev
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.clear_payloads import unsealed


class StepMemory:
    """Fed with every event of one execution, in order."""

    def __init__(self, codec: PayloadCodec) -> None:
        self._codec = codec
        self._base = 0  # number of the last command of the run before: places are counted from there
        self._scheduled: dict[int, ev.StepScheduled] = {}
        self._completed: dict[int, ev.StepCompleted] = {}
        self._reusable: dict[tuple[int, str, bytes], ev.StepCompleted] = {}

    def observe(self, event: ev.Event | ev.UnknownEvent) -> None:
        """Take note of one event."""
        if isinstance(event, ev.StepScheduled):
            self._scheduled[event.number] = event
        elif isinstance(event, ev.StepCompleted):
            self._completed[event.number] = event
        elif isinstance(event, ev.ExecutionRetried):
            self._reusable = {
                self._place(self._scheduled[number]): completed
                for number, completed in self._completed.items()
                if number in self._scheduled and (not event.keep_below or number < event.keep_below)
            }
            self._base = event.base
            self._scheduled.clear()
            self._completed.clear()

    def recall(self, command: ev.StepScheduled) -> ev.StepCompleted | None:
        """Return, once, the completion that an earlier run has for this step."""
        return self._reusable.pop(self._place(command), None)

    def _place(self, command: ev.StepScheduled) -> tuple[int, str, bytes]:
        if self._codec.has_transforms:  # sealed, the same arguments are other bytes each time
            command = unsealed(command, self._codec)
        return command.number - self._base, command.name, bytes(command.args)
