"""A run that is driven by hand, and steps that tell when they are really run."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from cerebelum import step
from cerebelum.connect import make_codec
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.runtime.failures import describe_error
from cerebelum.engine.runtime.pending import PendingStep, PendingTimer, PendingWait
from cerebelum.engine.runtime.replay import Replay
from cerebelum.engine.runtime.run import WorkflowRun

T0_US = 1_700_000_000_000_000
CODEC = make_codec()
AnyWorkflow = WorkflowDefinition[..., Any]
effects: list[str] = []  # of steps whose function was called: none ever is, here


@step
async def echo(value: Any) -> Any:
    effects.append(f"echo {value}")
    return value


@step
async def release(what: str) -> None:
    effects.append(f"release {what}")


class Played:
    """A run that is driven by hand, and the history that a store would hold."""

    def __init__(self, definition: AnyWorkflow, **arguments: Any) -> None:
        self.run = WorkflowRun("exec-1", definition, CODEC)
        self.history: list[ev.RecordedEvent] = []
        self.give(ev.ExecutionStarted(workflow=definition.name, input=Raw(CODEC.encode(arguments, what="input")[0])))

    def give(self, trigger: ev.Event) -> None:
        """Record a trigger, apply it, and record the commands that come of it."""
        version = self._record(trigger)
        self.run.apply(trigger, version, self.history[-1].at_us)
        for command in self.run.take_commands():
            self._record(command)

    def complete_all(self) -> Played:
        """Answer whatever is open, the oldest first, until nothing is; steps return their first argument."""
        while self.run.pending and not self.run.ended:
            number, pending = min(self.run.pending.items())
            if isinstance(pending, PendingStep):
                arguments = CODEC.decode(bytes(pending.command.args), what="arguments")
                result = Raw(CODEC.encode(next(iter(arguments.values()), None), what="result")[0])
                self.give(ev.StepCompleted(number=number, result=result))
            elif isinstance(pending, PendingTimer):
                self.give(ev.TimerFired(number=number))
            elif isinstance(pending, PendingWait):
                self.give(ev.SignalReceived(name=pending.command.name, payload=Raw(b"1")))
        return self

    def fail(self, number: int, error: Exception) -> None:
        """Let a step fail for good."""
        self.give(ev.StepFailedEvent(number=number, attempt=1, error=describe_error(error)))

    def types(self) -> list[str]:
        return [event.type for event in self.history]

    def _record(self, event: ev.Event) -> int:
        version = len(self.history) + 1
        self.history.append(ev.RecordedEvent(version, event.type, ev.encode_event(event), T0_US + version * 1000))
        return version


def replay(definition: AnyWorkflow, history: list[ev.RecordedEvent], **options: Any) -> Replay:
    """Replay a whole history and throw the run away."""
    run = WorkflowRun("exec-1", definition, CODEC)
    made = Replay(run, history, **options)
    try:
        assert made.to_end() == []
    finally:
        run.close()
    return made
