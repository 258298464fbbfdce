"""`schedule`: what starts by itself, and when. Here the group, and the commands that look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.commands import schedule_changes
from cerebelum_cli.commands.schedule_backfill import backfill
from cerebelum_cli.commands.schedule_create import create
from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen
from cerebelum_cli.schedule_options import CronOption, EveryOption, ScheduleName, TimezoneOption
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from datetime import tzinfo

    from cerebelum.engine.domain.schedules.rules import Rule
    from cerebelum.engine.domain.schedules.schedule import ScheduleRun
    from cerebelum_cli.schedule_text import Shown

_MOST_FIRES = 10_000


def add_to(app: typer.Typer) -> None:
    """Add the group of this module."""
    group = typer.Typer(
        name="schedule", help="Workflows that start by themselves: by cron, every so often, once.",
        no_args_is_help=True, rich_markup_mode=None,
    )  # fmt: skip
    group.command(name="list")(list_)
    group.command()(show)
    group.command(name="next")(next_)
    group.command()(create)
    schedule_changes.add_to(group)
    group.command()(backfill)
    app.add_typer(group)


def list_(store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False) -> None:
    """List all schedules: when they fire next, when they last did, and what stands in the way."""
    import sys

    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import is_terminal, print_rows, say
    from cerebelum_cli.schedule_text import LIST_COLUMNS, LIST_LEAST, list_cells, of_schedule, state_of
    from cerebelum_cli.settings import shown_store, store_url

    url, format_ = store_url(store), chosen(output, as_json)
    found = run_async(_all(url))
    rows = ((of_schedule(one), list_cells(one)) for one in found)
    print_rows(format_, rows, LIST_COLUMNS, id_key="name", least=LIST_LEAST)
    if format_ is not Format.text:
        return
    if not found and is_terminal(sys.stdout):
        say(
            f'no schedules in {shown_store(url)}; declare one: @cron("0 9 * * *") above @workflow, then: cerebelum worker'
        )
    for one in found:
        if not one.row.enabled and one.row.paused_by != "hand":
            say(f"{one.row.name} is paused: {one.row.paused_reason}")
    for problem in dict.fromkeys(one.problem for one in found if state_of(one) == "no-node"):
        names = ", ".join(one.row.name for one in found if one.problem == problem)
        say(f"{problem}: {names} will not fire\n  help: start a node: cerebelum worker FLOW.py")


def show(
    name: ScheduleName,
    runs: Annotated[int, typer.Option("--runs", min=0, max=10_000, help="How many of its last fires to list.")] = 10,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Show a schedule, and what its last fires have led to.

    Exit codes: 0 shown, 3 no such schedule.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import print_json, print_json_line, print_rows
    from cerebelum_cli.schedule_text import RUN_COLUMNS, facts, of_run, of_schedule, run_cells
    from cerebelum_cli.settings import store_url

    found, done = run_async(_one(store_url(store), name, runs))
    format_ = chosen(output, as_json)
    if format_ is Format.ids:
        out(found.row.name)
    elif format_ is not Format.text:
        shape = {**of_schedule(found), "runs": [of_run(run) for run in done]}
        (print_json if format_ is Format.json else print_json_line)(shape)
    else:
        from cerebelum.engine.domain.terminal_text import visible

        for word, text in facts(found):
            out(f"{word:<9} {visible(text, keep_newlines=False)}")
        if done:
            out("")
        rows = [(of_run(run), run_cells(run)) for run in done]
        print_rows(Format.text, rows, RUN_COLUMNS, id_key="fire_at")


def next_(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME] [N]", help="A schedule, or none with --cron or --every; and how many.  [default: 5]"
        ),
    ] = None,
    cron: CronOption = None,
    every: EveryOption = None,
    timezone: TimezoneOption = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="TIME", help="Not from now but from here: 2027-03-01.")
    ] = None,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Print the coming fires: on the wall clock, in UTC, in how long, and what changed clocks do to them.

    The column DST: gap (its time is skipped; it fires right after), first, second (its time comes twice), or by how much
    the clocks have changed since the fire above. Jitter is not in these times.
    Exit codes: 0 printed, 2 not understood, 3 no such schedule.
    """
    import shutil
    import sys

    from cerebelum.engine.domain.schedules.coming import coming_fires
    from cerebelum.engine.domain.schedules.wording import zone_of
    from cerebelum_cli.output import is_terminal, print_rows, say
    from cerebelum_cli.schedule_text import FIRE_COLUMNS, FIRE_LEAST, FIRE_WIDTH, fire_rows

    name, count = _name_and_count(words or [], cron, every, timezone)
    problem = ""
    if name is None:
        rule, zone, now_us = _typed_rule(cron, every, timezone)
        shown_zone = timezone or zone_of(rule)
    else:
        rule, zone, now_us, problem = _stored_rule(store, name)
        shown_zone = zone_of(rule)
    fires = coming_fires(rule, after_us=_after_us(after, zone, now_us), count=count, zone=zone)
    rows = list(fire_rows(fires, schedule=name, zone=shown_zone, now_us=now_us))
    print_rows(chosen(output, as_json), rows, FIRE_COLUMNS, id_key="at", least=FIRE_LEAST)
    is_narrow = is_terminal(sys.stdout) and shutil.get_terminal_size().columns < FIRE_WIDTH
    if is_narrow and chosen(output, as_json) is Format.text:
        for note in dict.fromkeys(f"{cells[4]}: {cells[5]}" for _, cells in rows if cells[5]):
            say(note)
    if not fires:
        say("it fires no more")
    if problem:
        say(problem)


def _name_and_count(
    words: list[str], cron: str | None, every: str | None, timezone: str | None
) -> tuple[str | None, int]:
    from cerebelum_cli.errors import UsageProblem

    typed = [f"--{option}" for option, value in (("cron", cron), ("every", every)) if value is not None]
    help_ = (
        "cerebelum schedule next NAME 10, or: cerebelum schedule next --cron '0 9 * * *' --timezone Europe/Zurich 10"
    )
    if len(typed) == 2:
        raise UsageProblem("--cron and --every were given: one rule at a time", help_=help_)
    expected = 1 if typed else 2
    if len(words) > expected:
        what = f"beside {typed[0]} there is at most a number" if typed else "at most a name and a number"
        quote = "; quote the expression: '0 9 * * *'" if typed else ""
        raise UsageProblem(f"{' '.join(words)!r} is too much: {what}{quote}", help_=help_)
    if not words and not typed:
        raise UsageProblem("which schedule is meant?", help_=help_)
    if not typed and timezone is not None:
        raise UsageProblem("--timezone goes with --cron or --every; a schedule has its own", help_=help_)
    number = words[-1] if len(words) == expected else "5"
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= _MOST_FIRES:
        raise UsageProblem(f"{number!r} is not how many fires: a number from 1 to {_MOST_FIRES}", help_=help_)
    return (None if typed else words[0]), int(number)


def _typed_rule(cron: str | None, every: str | None, timezone: str | None) -> tuple[Rule, tzinfo, int]:
    import time

    from cerebelum.engine.domain.schedules.spec import cron_schedule, interval_schedule
    from cerebelum_cli.schedule_options import named_zone, typed_faults
    from cerebelum_cli.settings import settled
    from cerebelum_cli.typed_times import typed_duration

    now_us = time.time_ns() // 1_000
    if every is not None:
        with typed_faults():
            return interval_schedule(typed_duration(every, "--every")).rule, named_zone(timezone or "UTC"), now_us
    zone = settled().settings.scheduler.timezone if timezone is None else timezone
    with typed_faults():
        return cron_schedule(cron, timezone=zone).rule, named_zone(zone), now_us


def _stored_rule(store: str | None, name: str) -> tuple[Rule, tzinfo, int, str]:
    from cerebelum.engine.domain.schedules.wording import zone_of
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.schedule_options import named_zone
    from cerebelum_cli.settings import store_url

    row, now_us = run_async(_row_and_now(store_url(store), name))
    problem = (
        "" if row.enabled else f"note: it is paused and does not fire: {row.paused_reason or 'no reason was given'}"
    )
    return row.spec.rule, named_zone(zone_of(row.spec.rule)), now_us, problem


def _after_us(after: str | None, zone: tzinfo, now_us: int) -> int:
    if after is None:
        return now_us
    from cerebelum.engine.domain.durations import instant_us
    from cerebelum_cli.typed_times import typed_instant

    return instant_us(typed_instant(after, "--after", zone), what="--after")


async def _row_and_now(url: str, name: str) -> Any:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        return await Schedules(engine).get(name), await engine.store.now_us()


async def _all(url: str) -> list[Shown]:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum_cli.composition import reading
    from cerebelum_cli.schedule_options import with_problem

    async with reading(url) as engine:
        return [await with_problem(engine, row) for row in await Schedules(engine).list()]


async def _one(url: str, name: str, runs: int) -> tuple[Shown, list[ScheduleRun]]:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum_cli.composition import reading
    from cerebelum_cli.schedule_options import with_problem

    async with reading(url) as engine:
        schedules = Schedules(engine)
        row = await schedules.get(name)
        return await with_problem(engine, row), await schedules.runs(name, runs) if runs else []
