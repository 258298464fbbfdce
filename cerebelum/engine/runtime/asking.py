"""What workflow code may ask of its run: each question becomes a command with the next number.

Nothing here has an effect. Commands are collected; the live side records and carries them out, replay compares them
with the history.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Raw, structs

from cerebelum.engine.authoring.contexts import flow_context
from cerebelum.engine.authoring.info import Info
from cerebelum.engine.authoring.input_request import Request
from cerebelum.engine.authoring.saga import Saga, innermost_saga
from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.context import Context, Op
from cerebelum.engine.domain.durations import utc
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.ids import ExecutionId, child_id
from cerebelum.engine.domain.lineage import id_at, random_id
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.checkpoints import checkpoint_of
from cerebelum.engine.runtime.clear_payloads import ClearCodec
from cerebelum.engine.runtime.code_line import calling_line, render_line
from cerebelum.engine.runtime.contexts import RecordedContext
from cerebelum.engine.runtime.failures import describe_error
from cerebelum.engine.runtime.human_input import ask
from cerebelum.engine.runtime.input_by_name import input_by_name
from cerebelum.engine.runtime.listening import Listening, Offer
from cerebelum.engine.runtime.loop import LoopTimer, WorkflowFuture, WorkflowLoop
from cerebelum.engine.runtime.pending import (
    AnswerFuture,
    Pending,
    PendingChild,
    PendingInput,
    PendingStep,
    PendingTimer,
    PendingWait,
)
from cerebelum.engine.runtime.randomness import rng_for

_MOST_REFUSALS = 1_000  # of code that was thrown away and asks on, whatever is raised into it


class Discarded(BaseException):
    """Raised into code that a discarded run still executes (`finally` blocks): it may ask for nothing any more."""


class Asking:
    """The half of a run that workflow code sees (`authoring.activation.Activation`)."""

    # Beyond thirty attributes CPython gives each instance a dict of its own: a step took 3 us more.
    __slots__ = (
        "_input", "_now_us", "_recorded_context", "_refusals", "_rng", "abandoned", "asks_people", "codec", "commands",
        "definition", "discarded", "drawn_since", "execution_id", "listening", "loop", "number", "patches", "pending",
        "recorded_patches", "replaying", "restored", "resume_data", "root_saga", "run_count", "signals", "started",
        "started_us", "stored_codec", "told_version",
    )  # fmt: skip

    def __init__(self, execution_id: str, definition: WorkflowDefinition[..., Any], codec: PayloadCodec) -> None:
        self.execution_id = execution_id
        self.definition = definition
        self.stored_codec = codec
        self.codec: PayloadCodec = ClearCodec(codec, self.abandon) if codec.has_transforms else codec
        self.abandoned: CerebelumError | None = None  # why the activation must be given up
        self.commands: dict[int, ev.Command] = {}  # asked in this activation, by number
        self.pending: dict[int, Pending] = {}
        self.listening: Listening | None = None
        self._recorded_context: RecordedContext | None = None  # few workflows are flows
        self.signals: list[tuple[int, ev.SignalReceived]] = []  # received, not yet taken: (version, event)
        self.number = 0  # of the newest command
        self.asks_people = False  # it has asked for an input
        self.replaying = False  # more history follows the event being applied
        self.discarded = False
        self.resume_data: Any = None
        self.started: ev.ExecutionStarted | None = None
        self.run_count = 1
        self._input: dict[str, Any] | None = None
        self.loop: WorkflowLoop
        self.root_saga = Saga()
        self.started_us = 0
        self._now_us = 0
        self._rng: random.Random | None = None
        self.drawn_since = 0  # number of the checkpoint behind which randomness began anew
        self.told_version = 0  # of the trigger in hand
        self.restored: Any = None  # what the checkpoint says that this run began from
        self._refusals = 0
        self.patches: dict[str, bool] = {}
        self.recorded_patches: frozenset[str] = frozenset()

    # -- reading --------------------------------------------------------------------------------------------------
    def now_us(self) -> int:
        return self._now_us

    @property
    def rng(self) -> random.Random:
        if self._rng is None:  # a generator costs 2.5 KB and 10 us: most workflows never ask
            where = f"{self.random_id}/{self.drawn_since}" if self.drawn_since else self.random_id
            self._rng = rng_for(where, self.started.seed if self.started else 0)
        return self._rng

    @property
    def random_id(self) -> str:
        """What randomness is made of: of a fork, the id of the execution that its history began with."""
        return random_id(self.execution_id, self.started)

    def info(self) -> Info:
        if self._input is None:  # few ask for it
            self._input = input_by_name(self.started, self.definition, self.codec)
        return Info(
            execution_id=id_at(self.execution_id, self.started, self.number + 1),
            workflow=self.definition.name,
            run=self.run_count,
            started_at=utc(self.started_us),
            input=self._input,
            resume_data=self.resume_data,
        )

    def abandon(self, error: CerebelumError) -> None:
        self.abandoned = error

    def next_number(self) -> int:
        return self.number + 1

    def _ask(self, command: ev.Command) -> None:
        if self.discarded:
            self._refuse()
        self.number = command.number
        self.commands[command.number] = command

    def _refuse(self) -> None:
        """Refuse what thrown-away code asks; code that catches even that, and asks on, waits for what never comes."""
        self._refusals += 1
        if self._refusals <= _MOST_REFUSALS:
            raise Discarded

    def _future(self, number: int) -> AnswerFuture:
        return AnswerFuture(number, self._give_up, loop=self.loop)

    # -- steps ----------------------------------------------------------------------------------------------------
    def call_step(
        self, step: StepDefinition[..., Any], args: Any, kwargs: Any, line: Any, *, place: str = "", context: Any = None
    ) -> AnswerFuture:
        bound = step.signature.bind(args, kwargs)
        data, _ = self.codec.encode(bound, step.signature.arguments_type, what=f"arguments of step {step.name!r}")
        number = self.number + 1
        command = ev.StepScheduled(
            number=number,
            line=render_line(line) or calling_line(),
            name=step.name,
            args=Raw(data),
            max_attempts=step.retry.max_attempts,
            timeout_us=step.timeout_us,
            at_most_once=step.at_most_once,
            queue=step.queue or "",
            place=place,
        )
        self._ask(command)
        future = self._future(number)
        pending = PendingStep(command, step, future, innermost_saga.get() or self.root_saga)
        live_context = flow_context.get()
        if context is None and live_context is not None:  # nobody else will apply what it writes
            context, pending.branch = live_context, live_context
        pending.context = None if context is None else context.fork()
        self.pending[number] = pending
        return future

    @property
    def recorded_context(self) -> RecordedContext:
        """The context as the events so far tell it."""
        if self._recorded_context is None:
            given = b"{}" if self.started is None else bytes(self.started.input)
            self._recorded_context = RecordedContext(self.codec.decode(given, dict[str, Any], what="input"))
        return self._recorded_context

    def restore_context(self, context: Context) -> None:
        """Go on from a checkpoint: all of `context` is recorded."""
        self._recorded_context = RecordedContext(context.as_dict())

    def publish_context(self, context: Context) -> None:
        """Record what steps' patches do not tell of `context`, if there is anything."""
        ops = self.recorded_context.missing_from(context)
        if ops:
            data, _ = self.codec.encode(ops, list[Op], what="the context")
            self._ask(ev.ContextChanged(number=self.number + 1, patch=Raw(data)))

    def compensation(self, name: str, since: int) -> RecordedCompensation:
        number = self.number + 1
        self._ask(ev.CompensationStarted(number=number, line=calling_line(), name=name, since=since))
        return RecordedCompensation(self, number)

    def checkpoint(self, state: Any) -> bool:
        command = checkpoint_of(self, state)  # type: ignore[arg-type]  # the other half of a run
        if command is None:
            return False
        self._ask(command)
        self._rng, self.drawn_since = None, command.number
        return True

    # -- waiting --------------------------------------------------------------------------------------------------
    def wait_for_signal(
        self, name: str, match: Callable[[Any], bool] | None, timeout_us: int | None, annotation: Any
    ) -> AnswerFuture:
        number = self.number + 1
        due_us = None if timeout_us is None else self._now_us + timeout_us
        command = ev.WaitStarted(number=number, line=calling_line(), name=name, due_us=due_us)
        self._ask(command)
        wait = PendingWait(command, self._future(number), match, annotation, timeout_us)
        self.pending[number] = wait
        for position, (version, signal) in enumerate(self.signals):
            if signal.name == name and self._takes(wait, version, signal):
                del self.signals[position]
                break
        return wait.future

    def _takes(self, wait: PendingWait, version: int, signal: ev.SignalReceived) -> bool:
        """Offer a signal to a wait. A match that fails, or a payload that does not fit, fails the wait."""
        number = wait.command.number
        try:
            payload = self.codec.decode(bytes(signal.payload), wait.annotation, what=f"signal {signal.name!r}")
            if wait.match is not None and not wait.match(payload):
                return False
        except Exception as error:
            del self.pending[number]
            wait.future.set_exception(error)
        else:
            del self.pending[number]
            wait.future.set_result(payload)
        self._ask(ev.WaitCompleted(number=self.number + 1, of=number, signal=version))
        return True

    def ask_input(self, request: Request) -> AnswerFuture:
        return ask(self, request)

    def sleep_until_us(self, due_us: int) -> WorkflowFuture:
        future = self.loop.create_future()
        handle = self.loop.timer_at_us(due_us, _wake_sleeper, future)
        future.add_done_callback(lambda _: handle.cancel())
        return future

    def start_timer(self, handle: LoopTimer) -> None:
        handle.number = self.number + 1
        kind = "sleep" if handle.is_sleep else "timeout"
        self._ask(ev.TimerStarted(number=handle.number, line=calling_line(), due_us=handle.due_us, kind=kind))
        self.pending[handle.number] = PendingTimer(handle)

    def cancel_timer(self, handle: LoopTimer) -> None:
        if self.discarded or self.pending.pop(handle.number, None) is None:
            return
        if self.commands.pop(handle.number, None) is None:  # a timer that came and went in one activation never was
            self._ask(ev.TimerCancelled(number=self.number + 1, of=handle.number))

    # -- callers outside --------------------------------------------------------------------------------------------
    def listen(self) -> Listening:
        """Return what the code offers to callers; few workflows do."""
        if self.listening is None:
            self.listening = Listening()
        return self.listening

    def wait_until(self, condition: Callable[[], Any]) -> Awaitable[None]:
        return self.listen().wait_until(self, condition)

    def on_query(self, name: str, function: Callable[..., Any]) -> None:
        self.listen().queries[name] = Offer(function)

    def on_update(self, name: str, handler: Callable[..., Any], validate: Callable[..., Any] | None) -> None:
        self.listen().on_update(self, name, Offer(handler, validate))

    # -- children and the rest --------------------------------------------------------------------------------------
    def start_child(
        self, workflow: WorkflowDefinition[..., Any], args: Any, kwargs: Any, chosen_id: str | None, line: Any
    ) -> AnswerFuture:
        what = f"input of child {workflow.name!r}"
        bound = workflow.signature.bind(args, kwargs)
        data, _ = self.codec.encode(bound, workflow.signature.arguments_type, what=what)
        number = self.number + 1
        parent = id_at(self.execution_id, self.started, number)
        identity = child_id(parent, number) if chosen_id is None else ExecutionId.chosen(chosen_id)
        command = ev.ChildStarted(
            number=number, line=render_line(line), execution_id=identity, workflow=workflow.name, input=Raw(data)
        )
        self._ask(command)
        future = self._future(number)
        self.pending[number] = PendingChild(command, future, workflow)
        return future

    def patched(self, patch_id: str) -> bool:
        known = self.patches.get(patch_id)
        if known is None:
            known = patch_id in self.recorded_patches or not self.replaying
            self.patches[patch_id] = known
            if known:
                self._ask(ev.VersionMarker(number=self.number + 1, line=calling_line(), patch=patch_id))
        return known

    def _give_up(self, number: int) -> None:
        """The code no longer waits for `number`: its future was cancelled."""
        pending = self.pending.pop(number, None)
        if pending is None or self.discarded:
            return
        if isinstance(pending, PendingWait):
            self._ask(ev.WaitCompleted(number=self.number + 1, of=number))
        elif self.commands.pop(number, None) is not None:
            return  # asked and given up in one activation: it never was
        elif isinstance(pending, PendingInput):
            self._ask(ev.InputClosed(number=self.number + 1, of=number))
        elif isinstance(pending, PendingStep):
            self._ask(ev.StepCancelled(number=self.number + 1, of=number))
        elif isinstance(pending, PendingChild):
            child = pending.command.execution_id
            self._ask(ev.ChildCancelled(number=self.number + 1, of=number, execution_id=child))


class RecordedCompensation:
    """A compensation under way, recorded as it ends."""

    def __init__(self, asking: Asking, number: int) -> None:
        self._asking, self._number = asking, number

    def completed(self) -> None:
        self._asking._ask(ev.CompensationCompleted(number=self._asking.number + 1, of=self._number))

    def failed(self, error: BaseException) -> None:
        info = structs.replace(describe_error(error), traceback="")
        self._asking._ask(ev.CompensationFailed(number=self._asking.number + 1, of=self._number, error=info))


def _wake_sleeper(future: WorkflowFuture) -> None:
    if not future.done():
        future.set_result(None)
