"""`@cron`, `@every`, `@at`: when a workflow starts by itself. They stand above `@workflow`, and only take note.

What is noted is registered where a node loads the module, or by `client.schedule(name, workflow, cron(…))`. A cron without
a zone is completed then, with the zone of the settings.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any, TypeVar

from msgspec import Struct, structs

from cerebelum.engine.authoring.info import info
from cerebelum.engine.authoring.step import StepDefinition
from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain.durations import Duration
from cerebelum.engine.domain.errors_payload import ArgumentError
from cerebelum.engine.domain.errors_schedule import InvalidSchedule
from cerebelum.engine.domain.schedules.rules import Cron
from cerebelum.engine.domain.schedules.schedule import checked_name
from cerebelum.engine.domain.schedules.spec import (
    DEFAULT_MAX_MISSED,
    Options,
    ScheduleSpec,
    cron_schedule,
    interval_schedule,
    one_time_schedule,
)

_FIRE = re.compile(r"-(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?)Z$", re.ASCII)
W = TypeVar("W", bound=WorkflowDefinition[..., Any])


class Schedule(Struct, frozen=True):
    """When something starts, as it was written, checked. Called on a workflow, it notes itself there and returns it.

    Attributes:
        name: the schedule's own; None: the workflow's.
        spec: with the zone UTC where none was written.
        has_zone: a zone was written, or none is needed.
        shown: as it was written, in short: `@cron('0 9 * * *')`.
        place: (file, line) where it was written.
    """

    name: str | None
    spec: ScheduleSpec
    has_zone: bool
    shown: str
    place: tuple[str, int]

    def __call__(self, definition: W) -> W:
        if not isinstance(definition, WorkflowDefinition) or getattr(definition, "is_abstract", False):
            raise InvalidSchedule(self.shown, [_misplaced(self.shown, definition)])
        name = self.name or definition.name
        twin = next((one for one in definition.schedules if one.name == name), None)
        if twin is not None:
            raise InvalidSchedule(self.shown, [_named_twice(self, twin, definition.name)])
        _check_default_name(self, name)
        check_input(self.shown, definition, self.spec.input)
        declared = Declared(name, definition.name, definition.function.__module__, self)
        definition.schedules = (declared, *definition.schedules)
        return definition

    def spec_in(self, timezone: str) -> ScheduleSpec:
        """Return the spec, on the wall clock of `timezone` where none was written.

        Raises:
            InvalidSchedule: no zone has this name.
        """
        rule = self.spec.rule
        if self.has_zone or not isinstance(rule, Cron):
            return self.spec
        return structs.replace(self.spec, rule=Cron(rule.expression, timezone))


class Declared(Struct, frozen=True):
    """A schedule that stands above a workflow."""

    name: str
    workflow: str
    module: str
    schedule: Schedule

    @property
    def where(self) -> str:
        """File and line."""
        file, line = self.schedule.place
        return f"{PurePath(file).name}:{line}"


def cron(
    expression: str,
    /,
    *,
    timezone: str | None = None,
    input: Any = None,  # noqa: A002 - the word that `client.start` and the command line have
    queue: str | None = None,
    jitter: Duration = 0,
    overlap: str = "skip",
    catch_up: str = "one",
    max_missed: int = DEFAULT_MAX_MISSED,
    name: str | None = None,
) -> Schedule:
    """Start a workflow by a cron expression: `@cron("0 9 * * *", timezone="Europe/Zurich")` above `@workflow`.

    Args:
        expression: minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
        timezone: on whose wall clock; default: the setting `scheduler.timezone`, which is UTC unless it is set.
        input: the workflow's arguments by name, as a dict.
        queue: of its executions; default: the workflow's.
        jitter: each fire starts up to so much later, always the same for the same fire; less than the time between two.
        overlap: what happens while the execution before still runs: "skip" leaves the fire out, "queue" lets it wait,
            "allow" runs both, "cancel_previous" cancels the one before.
        catch_up: what happens to fires that were missed while no node ran: "one" starts the newest, "all" each of them,
            "none" does nothing.
        max_missed: with catch_up="all", at most so many; with overlap="queue", so many wait; 1 to 1000.
        name: the schedule's own; default: the workflow's. The second schedule of a workflow needs one.

    Raises:
        InvalidSchedule: something cannot be used; all faults are told.
    """
    _refuse_bare("cron", expression, '@cron("0 9 * * *")')
    options = _options(input, queue, jitter, overlap, catch_up, max_missed)
    spec = cron_schedule(expression, timezone=timezone or "UTC", options=options)
    return _written(f"@cron({expression!r})", spec, name, has_zone=timezone is not None)


def every(
    interval: timedelta,
    /,
    *,
    anchor: datetime | None = None,
    input: Any = None,  # noqa: A002 - as in `cron`
    queue: str | None = None,
    jitter: Duration = 0,
    overlap: str = "skip",
    catch_up: str = "one",
    max_missed: int = DEFAULT_MAX_MISSED,
    name: str | None = None,
) -> Schedule:
    """Start a workflow every so often: `@every(minutes(5))` above `@workflow`. Clocks that change do not move it.

    Args:
        interval: a second or more.
        anchor: one of its fires, an aware datetime; default: the beginning of 1970, UTC. There is none before it.
        input, queue, jitter, overlap, catch_up, max_missed, name: as in `cron`.

    Raises:
        InvalidSchedule: something cannot be used; all faults are told.
    """
    _refuse_bare("every", interval, "@every(minutes(5))")
    options = _options(input, queue, jitter, overlap, catch_up, max_missed)
    spec = interval_schedule(interval, anchor=anchor, options=options)
    return _written(f"@every({interval!r})", spec, name, has_zone=True)


def at(
    time: datetime,
    /,
    *,
    input: Any = None,  # noqa: A002 - as in `cron`
    queue: str | None = None,
    jitter: Duration = 0,
    overlap: str = "skip",
    catch_up: str = "one",
    name: str | None = None,
) -> Schedule:
    """Start a workflow once: `@at(datetime(2027, 1, 1, tzinfo=UTC))` above `@workflow`.

    Args:
        time: an aware datetime. If it is past when the schedule is first registered, it never fires.
        input, queue, jitter, overlap, catch_up, name: as in `cron`.

    Raises:
        InvalidSchedule: something cannot be used; all faults are told.
    """
    _refuse_bare("at", time, "@at(datetime(2027, 1, 1, tzinfo=UTC))")
    options = _options(input, queue, jitter, overlap, catch_up, DEFAULT_MAX_MISSED)
    return _written(f"@at({time!r})", one_time_schedule(time, options=options), name, has_zone=True)


def fire_time() -> datetime:
    """Return the time for which the running execution was started, UTC: that of its schedule, on time, late or backfilled.

    Of an execution that no schedule started, and of a child, it is when it started. In workflows and in steps. It is read
    from the execution's id, which ends with it: `nightly-2027-01-04T03:00:00Z`.

    Raises:
        NotInStep: called from neither.
    """
    known = info()
    found = _FIRE.search(known.execution_id)
    return known.started_at if found is None else datetime.fromisoformat(f"{found[1]}+00:00")


def fire_ending(execution_id: str) -> str:
    """Return the end of an id that tells the fire time, `-2027-01-04T03:00:00Z`; "" where it tells none."""
    found = _FIRE.search(execution_id)
    return "" if found is None else found[0]


def declarations_of(workflows: Iterable[WorkflowDefinition[..., Any]]) -> list[Declared]:
    """Return what stands above these workflows.

    Raises:
        InvalidSchedule: two have one name.
    """
    found: dict[str, Declared] = {}
    for definition in workflows:
        for declared in definition.schedules:
            twin = found.setdefault(declared.name, declared)
            if twin is not declared:
                fault = (
                    f"{declared.name!r} is declared twice, at {twin.where} for workflow {twin.workflow!r} and at "
                    f"{declared.where} for {declared.workflow!r}; give one of them another: name='…'"
                )
                raise InvalidSchedule(f"the name of a schedule, {declared.schedule.shown},", [fault])
    return list(found.values())


def check_input(what: str, definition: WorkflowDefinition[..., Any], given: Any) -> None:
    """Check that a workflow can be called with the input of a schedule.

    Raises:
        InvalidSchedule: an argument is missing or unknown, or it is no object.
    """
    if given is not None and not isinstance(given, dict):
        fault = f"input: must be the arguments by name, such as input={{'day': 1}}, not {given!r}"
        raise InvalidSchedule(what, [fault])
    try:
        definition.signature.bind((), dict(given or {}))
    except ArgumentError as error:
        raise InvalidSchedule(what, [f"input: {error}"]) from None


def _options(input_: Any, queue: str | None, jitter: Duration, overlap: str, catch_up: str, max_missed: int) -> Options:
    return Options(input=input_, queue=queue, jitter=jitter, overlap=overlap, catch_up=catch_up, max_missed=max_missed)


def _written(shown: str, spec: ScheduleSpec, name: str | None, *, has_zone: bool) -> Schedule:
    """Return the schedule that the caller's caller writes."""
    if name is not None:
        checked_name(name)
    frame = sys._getframe(2)
    return Schedule(name, spec, has_zone, shown, (frame.f_code.co_filename, frame.f_lineno))


def _refuse_bare(word: str, given: object, like: str) -> None:
    """Refuse `@cron` without parentheses: what it is given then is the thing below it."""
    if isinstance(given, WorkflowDefinition) or (callable(given) and hasattr(given, "__name__")):
        raise InvalidSchedule(f"@{word}", [f"it says no time; write it like this: {like}"])


def _check_default_name(schedule: Schedule, name: str) -> None:
    try:
        checked_name(name)
    except InvalidSchedule as error:
        fault = f"{error.faults[0]}, and the workflow's {name!r} has others: give the schedule its own, name='…'"
        raise InvalidSchedule(schedule.shown, [fault]) from None


def _misplaced(shown: str, found: object) -> str:
    name = getattr(found, "__name__", None) or repr(found)
    if isinstance(found, StepDefinition):
        return f"it stands on the step {name!r}; what is scheduled is a workflow: let one call the step"
    if callable(found):
        return f"it stands on {name!r}, which is no workflow there; write {shown} as a line above @workflow"
    return f"it stands on {name}, which is no workflow"


def _named_twice(schedule: Schedule, twin: Declared, workflow: str) -> str:
    where = f"{PurePath(schedule.place[0]).name}:{schedule.place[1]}"
    if schedule.name is None:
        return (
            f"workflow {workflow!r} has a schedule {twin.name!r} already, at {twin.where}; the one at {where} needs a name "
            f"of its own, which it keeps whatever becomes of the other: name='…'"
        )
    return f"the name {twin.name!r} is used twice, at {where} and at {twin.where}; give one of them another: name='…'"
