"""`schedule create`: put a schedule by hand. Durable when the command returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.commands.run_flow import InputPairs, WholeInput
from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen
from cerebelum_cli.schedule_options import CronOption, EveryOption, TimezoneOption
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.domain.schedules.spec import ScheduleSpec
    from cerebelum_cli.schedule_text import Shown

_CREATE = "cerebelum schedule create NAME WORKFLOW --cron '0 9 * * *'"


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The schedule's own name: a-z A-Z 0-9 . _ : -")],
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="A workflow that was registered in this store.")],
    cron: CronOption = None,
    every: EveryOption = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Once: 2027-01-01T09:00:00Z.")] = None,
    timezone: TimezoneOption = None,
    pairs: InputPairs = None,
    whole: WholeInput = None,
    queue: Annotated[str | None, typer.Option("--queue", help="The lane its executions run in.")] = None,
    jitter: Annotated[
        str | None, typer.Option("--jitter", metavar="DURATION", help="Each fire starts up to so much later.")
    ] = None,
    overlap: Annotated[
        str,
        typer.Option("--overlap", metavar="skip|queue|allow|cancel_previous", help="While the one before still runs."),
    ] = "skip",
    catch_up: Annotated[
        str, typer.Option("--catch-up", metavar="one|all|none", help="What was missed while no node ran.")
    ] = "one",
    max_missed: Annotated[
        int,
        typer.Option("--max-missed", metavar="N", help="With --catch-up all, at most so many; --overlap queue, too."),
    ] = 100,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the schedule of this name, if there is one.")
    ] = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Have a workflow started by itself: by cron, every so often, or once. Nodes that know the workflow do it.

    Exit codes: 0 stored, 2 it cannot work as it is, 3 no such workflow, 5 the name is taken.
    """
    from cerebelum.engine.domain.schedules.spec import Options
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.inputs import untyped_arguments
    from cerebelum_cli.settings import store_url
    from cerebelum_cli.typed_times import typed_duration

    options = Options(
        input=untyped_arguments(pairs or [], whole) or None, queue=queue,
        jitter=0 if jitter is None else typed_duration(jitter, "--jitter"),
        overlap=overlap, catch_up=catch_up, max_missed=max_missed,
    )  # fmt: skip
    spec = _typed_spec(cron, every, at, timezone, options)
    found = run_async(_create(store_url(store), name, workflow, spec, replace=replace))
    _print_created(found, chosen(output, as_json))


def _typed_spec(
    cron: str | None, every: str | None, at: str | None, timezone: str | None, options: Any
) -> ScheduleSpec:
    import time

    from cerebelum.engine.domain.durations import instant_us
    from cerebelum.engine.domain.schedules.spec import cron_schedule, interval_schedule, one_time_schedule
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.schedule_options import named_zone, typed_faults
    from cerebelum_cli.settings import settled
    from cerebelum_cli.typed_times import typed_duration, typed_instant

    typed = [option for option, value in (("--cron", cron), ("--every", every), ("--at", at)) if value is not None]
    if len(typed) != 1:
        problem = f"{' and '.join(typed)} were given" if typed else "it is not said when"
        raise UsageProblem(f"{problem}: give one of --cron, --every, --at", help_=_CREATE)
    if cron is not None:
        with typed_faults():
            return cron_schedule(cron, timezone=timezone or settled().settings.scheduler.timezone, options=options)
    if every is not None:
        if timezone is not None:
            raise UsageProblem("--every counts elapsed time, so --timezone has no meaning for it", help_=_CREATE)
        with typed_faults():
            return interval_schedule(typed_duration(every, "--every"), options=options)
    moment = typed_instant(at or "", "--at", None if timezone is None else named_zone(timezone))
    if instant_us(moment, what="--at") <= time.time_ns() // 1_000:
        raise UsageProblem(f"--at {at!r} is past: it would never fire", help_="start it now: cerebelum start WORKFLOW")
    with typed_faults():
        return one_time_schedule(moment, options=options)


async def _create(url: str, name: str, workflow: str, spec: ScheduleSpec, *, replace: bool) -> Shown:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum.engine.domain.schedules.schedule import checked_name
    from cerebelum.engine.domain.schedules.wording import when
    from cerebelum_cli.composition import opened
    from cerebelum_cli.schedule_errors import ScheduleExists
    from cerebelum_cli.schedule_options import typed_faults, with_problem

    with typed_faults():
        checked_name(name)
    async with opened(url) as engine:
        there = await engine.store.get_schedule(name)
        if there is not None and not replace:
            raise ScheduleExists(name, there.workflow, when(there.spec.rule))
        return await with_problem(engine, await Schedules(engine).put(name, workflow, spec))


def _print_created(found: Shown, format_: Format) -> None:
    from cerebelum.engine.domain.schedules.wording import local_text, zone_of
    from cerebelum_cli.output import print_json, print_json_line, say
    from cerebelum_cli.schedule_options import named_zone
    from cerebelum_cli.schedule_text import of_schedule

    if format_ in (Format.json, Format.jsonl):
        (print_json if format_ is Format.json else print_json_line)(of_schedule(found))
        return
    out(found.row.name)
    if format_ is not Format.text:
        return
    row = found.row
    if row.next_run_at_us is None:
        say("it never fires")
    else:
        say(f"next: {local_text(row.next_run_at_us, named_zone(zone_of(row.spec.rule)))} {zone_of(row.spec.rule)}")
    if not row.enabled:
        say(f"it is paused: {row.paused_reason}\n  help: cerebelum schedule resume {row.name}")
    elif found.problem:
        say(f"{found.problem}\n  help: start a node: cerebelum worker FLOW.py")
