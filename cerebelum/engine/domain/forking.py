"""What a fork takes over from a history, and what it has to do again. Pure: nothing is read or written here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct, structs

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.editing import Edited, calls_of
from cerebelum.engine.domain.errors_fork import ForkPointUnknown, ForkRefused
from cerebelum.engine.domain.ids import child_id
from cerebelum.engine.domain.lineage import Ancestor, ForkFacts, id_at, lineage_at
from cerebelum.engine.domain.projection import ExecutionState, OpenWait, reconstruct

E = TypeVar("E", bound=ev.Event)
_CALL = re.compile(r"(.+?)(?:#(\d+))?")


class ForkPoint(Struct, frozen=True):
    """The events up to `version` are copied."""

    version: int
    step: str = ""  # it lies before a call of this step: "ship#2"


class RepeatedStep(Struct, frozen=True):
    """A step that the original has run, or begun, and that runs again in the fork if its code still asks for it."""

    name: str
    count: int = 1
    at_most_once: bool = False


class ForkPlan(Struct, kw_only=True, frozen=True):
    """What a fork takes over, and what it does again.

    Attributes:
        version: of the last event that is copied.
        step: the call of a step that the fork point lies before, "" where it was given as a number.
        event_count: of the original, by then.
        code: short digest of the version that it runs on.
        reused: steps whose results are taken over, in order.
        again: steps that the original has run or begun behind that.
        children_reused, children_again: ids of the original's children that had ended, or were open, at the fork point.
        waits: timers, signals and inputs that are open there.
        left_out: signals, answers and updates that the original received later.
        edits: what is changed in the copy.
        warnings: what else to know before.
    """

    execution_id: str
    workflow: str
    version: int
    step: str
    event_count: int
    code: str
    reused: tuple[str, ...]
    again: tuple[RepeatedStep, ...]
    children_reused: tuple[str, ...]
    children_again: tuple[str, ...]
    waits: tuple[OpenWait, ...]
    left_out: tuple[str, ...]
    edits: tuple[Edited, ...]
    warnings: tuple[str, ...]


def fork_point(execution_id: str, history: Sequence[ev.RecordedEvent], at: int | str) -> ForkPoint:
    """Return where `at` is: an event's number, or a call of a step, `ship` (the newest) or `ship#2`.

    Raises:
        ForkPointUnknown: there is no such event or call.
        ForkRefused: the execution had ended there.
    """
    if isinstance(at, int):
        if not 1 <= at <= len(history):
            raise ForkPointUnknown(execution_id, at, event_count=len(history))
        point = ForkPoint(at)
    else:
        point = _before_call(execution_id, history, at)
    if history[point.version - 1].type in ev.FINAL_TYPES:
        calls = calls_of(history)
        why = f"it has ended there ({history[-1].type}), and nothing would be left to run"
        instead = calls[-1].name if calls else max(1, point.version - 1)
        raise ForkRefused(execution_id, point.version, why=why, instead=instead)
    return point


def _before_call(execution_id: str, history: Sequence[ev.RecordedEvent], at: str) -> ForkPoint:
    found = _CALL.fullmatch(at)
    name, which = (found[1], found[2]) if found else (at, None)
    calls = calls_of(history)
    fitting = [call for call in calls if name and name in (call.name, call.place)]
    number = int(which) if which else len(fitting)
    if not fitting or not 1 <= number <= len(fitting):
        steps = [f"{each} ({count} calls)" if count > 1 else each for each, count in _counted(calls).items()]
        raise ForkPointUnknown(execution_id, at, event_count=len(history), steps=steps)
    label = f"{name}#{number}" if len(fitting) > 1 else name
    return ForkPoint(fitting[number - 1].version - 1, label)


def _counted(calls: Sequence[object]) -> Counter[str]:
    return Counter(getattr(call, "name", "") for call in calls)


def open_children(execution_id: str, prefix: Sequence[ev.RecordedEvent]) -> list[ev.ChildStarted]:
    """Return the children that had not ended by the end of `prefix`.

    Raises:
        ForkRefused: one has an id that the code chose, so the fork cannot have one of its own under another.
    """
    state = reconstruct(execution_id, prefix)
    numbers = {number for number, wait in state.open.items() if wait.kind == "child"}
    found: list[ev.ChildStarted] = []
    for recorded in prefix:
        if recorded.type != "child_started":
            continue
        event = recorded.event()
        assert isinstance(event, ev.ChildStarted)
        if event.number not in numbers:
            continue
        if event.execution_id != child_id(id_at(execution_id, state, event.number), event.number):
            raise ForkRefused(
                execution_id, prefix[-1].version,
                why=f"its child {event.execution_id} was open then, whose id was chosen by the code: there is only one",
                instead=recorded.version - 1,
            )  # fmt: skip
        found.append(event)
    return found


def facts_of(
    execution_id: str, prefix: Sequence[ev.RecordedEvent], *, now_us: int, anew: Sequence[int] = (), asked: int = 0,
    edits: Sequence[str] = (), keeps_code: bool = False,
) -> ForkFacts:  # fmt: skip
    """Return what the first event of a fork behind `prefix` says of where it comes from."""
    started, last = prefix[0].event(), prefix[-1]
    assert isinstance(started, ev.ExecutionStarted)
    owner, ancestors = lineage_at(execution_id, started, last.version)
    # A start that nobody took up has no time yet that could be put off.
    begun = not started.deferred or any(recorded.type == "execution_begun" for recorded in prefix)
    through = max((number_of(recorded) for recorded in prefix), default=0)
    ancestor = Ancestor(
        id=owner, version=last.version, through=through, asked=max(asked, through),
        late_us=max(0, now_us - last.at_us) if begun else 0, anew=tuple(anew),
    )  # fmt: skip
    earlier = started.fork.edits if started.fork is not None else ()
    return ForkFacts(at_us=now_us, lineage=(*ancestors, ancestor), edits=(*earlier, *edits), keeps_code=keeps_code)


def number_of(recorded: ev.RecordedEvent) -> int:
    """Return a command's number; 0 for what is none."""
    kind = ev.EVENT_TYPES.get(recorded.type)
    if kind is None or not issubclass(kind, ev.Command):
        return 0
    event = recorded.event()
    return event.number if isinstance(event, ev.Command) else 0


def copied(
    prefix: Sequence[ev.RecordedEvent], new_id: str, origin: str, facts: ForkFacts,
    changes: Mapping[int, Mapping[str, Raw]],
) -> list[ev.RecordedEvent]:  # fmt: skip
    """Return the events of the fork. Its first names the origin and no parent; open children have ids of its own."""
    anew = set(facts.lineage[-1].anew)
    found: list[ev.RecordedEvent] = []
    for recorded in prefix:
        if recorded.type == "step_failed" and recorded.version in changes:
            found.append(_completed_instead(recorded, changes[recorded.version]))
            continue
        fields: dict[str, object] = dict(changes.get(recorded.version, {}))
        gone: tuple[str, ...] = ()
        if recorded.version == 1:
            fields |= {"forked_from": origin, "forked_at": prefix[-1].version, "fork": facts}
            gone = ("parent", "parent_number")
        elif recorded.type == "child_started" and (number := number_of(recorded)) in anew:
            fields["execution_id"] = child_id(new_id, number)
        found.append(_rewritten(recorded, fields, gone) if fields else recorded)
    return found


def _completed_instead(failed: ev.RecordedEvent, fields: Mapping[str, Raw]) -> ev.RecordedEvent:
    """Return the end of a step with a result in place of its failure: same call, attempt and instant."""
    was = failed.event()
    assert isinstance(was, ev.StepFailedEvent)
    done = ev.StepCompleted(number=was.number, attempt=was.attempt, started_us=was.started_us, result=fields["result"])
    return ev.RecordedEvent(failed.version, done.type, ev.encode_event(done), failed.at_us)


def _rewritten(recorded: ev.RecordedEvent, fields: Mapping[str, object], gone: Sequence[str]) -> ev.RecordedEvent:
    """Change some fields; all others keep their bytes, also those that a newer release wrote."""
    data: dict[str, object] = dict(msgspec.json.decode(recorded.data, type=dict[str, Raw]))
    for name in gone:
        data.pop(name, None)
    return structs.replace(recorded, data=msgspec.json.encode(data | dict(fields)))


def plan(
    execution_id: str, history: Sequence[ev.RecordedEvent], point: ForkPoint, *, code: str,
    children: Sequence[ev.ChildStarted], edits: Sequence[Edited], to_undo: Sequence[str],
) -> ForkPlan:  # fmt: skip
    """Return what a fork at `point` takes over, and what it does again."""
    prefix, later = history[: point.version], history[point.version :]
    state = reconstruct(execution_id, prefix)
    begun_again = {child.execution_id for child in children}
    ended = [event.execution_id for event in _of_type(prefix, ev.ChildStarted) if event.number not in state.open]
    left_out = Counter(_LEFT_OUT[type(event)] for recorded in later if type(event := recorded.event()) in _LEFT_OUT)
    return ForkPlan(
        execution_id=execution_id,
        workflow=state.workflow,
        version=point.version,
        step=point.step,
        event_count=len(history),
        code=code,
        reused=tuple(step.place or step.name for step in state.steps.values() if step.status == "completed"),
        again=_again(state, later, lost={step.number for step in _lost(state, prefix)}),
        children_reused=tuple(child for child in ended if child not in begun_again),
        children_again=tuple(child.execution_id for child in children),
        waits=tuple(wait for wait in state.open.values() if wait.kind != "child"),
        left_out=tuple(f"{count} {name}{'s' if count > 1 else ''}" for name, count in left_out.items()),
        edits=tuple(edits),
        warnings=(*_given(prefix, edits), *_warnings(state, prefix, later, to_undo)),
    )


_LEFT_OUT: dict[type[object], str] = {
    ev.SignalReceived: "signal", ev.InputReceived: "answer", ev.UpdateAccepted: "update",
}  # fmt: skip


def _of_type(history: Sequence[ev.RecordedEvent], kind: type[E]) -> list[E]:
    return [event for recorded in history if isinstance(event := recorded.event(), kind)]


def _lost(state: ExecutionState, prefix: Sequence[ev.RecordedEvent]) -> list[ev.StepScheduled]:
    """Return the `at_most_once` steps that had begun and not ended: nobody may run them again."""
    begun = {event.number for event in _of_type(prefix, ev.StepStarted)}
    scheduled = [event for event in _of_type(prefix, ev.StepScheduled) if event.at_most_once]
    return [event for event in scheduled if event.number in begun and event.number in state.unfinished]


def _again(state: ExecutionState, later: Sequence[ev.RecordedEvent], *, lost: set[int]) -> tuple[RepeatedStep, ...]:
    counts: Counter[str] = Counter(step.place or step.name for step in state.open_steps if step.number not in lost)
    once: set[str] = set()
    for event in _asked_by_the_code(later):
        counts[event.place or event.name] += 1
        if event.at_most_once:
            once.add(event.place or event.name)
    return tuple(RepeatedStep(name, count, name in once) for name, count in counts.items())


def _asked_by_the_code(later: Sequence[ev.RecordedEvent]) -> Iterator[ev.StepScheduled]:
    """Yield the calls of steps but those that undid others: these are called where the fork fails, too."""
    undoing = 0
    for recorded in later:
        match recorded.event():
            case ev.CompensationStarted():
                undoing += 1
            case ev.CompensationCompleted() | ev.CompensationFailed():
                undoing -= 1
            case ev.StepScheduled() as scheduled if undoing <= 0:
                yield scheduled
            case _:
                pass


def _given(prefix: Sequence[ev.RecordedEvent], edits: Sequence[Edited]) -> list[str]:
    return [
        f"{each.what} had failed: the fork takes the result that you give, and does not run it"
        for each in edits
        if prefix[each.version - 1].type == "step_failed"
    ]


def _warnings(
    state: ExecutionState,
    prefix: Sequence[ev.RecordedEvent],
    later: Sequence[ev.RecordedEvent],
    to_undo: Sequence[str],
) -> list[str]:
    found: list[str] = []
    if to_undo:
        found.append(
            f"if the fork fails, it undoes what the original did: {', '.join(to_undo)} (its saga covers the copied steps)"
        )
    found += [
        f"{each.name} had begun and is at_most_once: the fork does not run it again, it fails there; "
        f"to run it, fork before it: --at {each.name}"
        for each in _lost(state, prefix)
    ]
    if any(event.type == "compensation_started" for event in prefix):
        found.append("the original was undoing its steps there, and the fork goes on with that")
    if state.status == "paused":
        found.append("it was paused there: the fork stays paused until `cerebelum resume`")
    if any(event.type == "cancel_requested" for event in prefix):
        found.append("it was asked to cancel by then, and so is the fork")
    chosen = [
        event.execution_id
        for event in _of_type(later, ev.ChildStarted)
        if event.execution_id != child_id(id_at(state.execution_id, state, event.number), event.number)
    ]
    if chosen:
        found.append(
            f"its code gives children ids of its own choosing ({', '.join(chosen)}): those are taken, and the fork "
            "would wait for them in vain"
        )
    return found
