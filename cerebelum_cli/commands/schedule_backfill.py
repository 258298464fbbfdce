"""`schedule backfill`: start the fires of a range of time that were not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen
from cerebelum_cli.schedule_options import ScheduleName

if TYPE_CHECKING:
    from cerebelum.engine.application.schedules import Backfilled
    from cerebelum.engine.domain.schedules.schedule import ScheduleRow


def backfill(
    name: ScheduleName,
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="From this instant, inclusive: 2027-01-01.")],
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="Until this instant, exclusive.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would start.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Start the fires of a range of time that were not run: all at once, each with the id of its time. None starts twice.

    Times without an offset are on the schedule's own wall clock. On a terminal it asks first; elsewhere it wants --yes.
    Exit codes: 0 started, 2 no fire in the range or too many, 3 no such schedule.
    """
    import sys

    from cerebelum_cli.composition import run_async
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.output import is_terminal, say
    from cerebelum_cli.settings import store_url

    url, format_ = store_url(store), chosen(output, as_json)
    row, planned = run_async(_planned(url, name, from_, to))
    fresh = sum(not one.existed for one in planned)
    if dry_run or not fresh:
        _print_backfilled(row, planned, "planned", format_)
        say(f"{fresh} would start" if fresh else "nothing to start: each of them has been run")
        return
    if not yes:
        if not is_terminal(sys.stdin):
            raise UsageProblem(
                f"{fresh} executions would start, and there is no terminal to ask on",
                help_="see them: --dry-run; do it: --yes",
            )
        if format_ is Format.text:
            _print_backfilled(row, planned, "planned", format_)
        typer.confirm(f"start {fresh} executions of {row.workflow}?", abort=True, err=True)
    done = run_async(_backfilled(url, row, planned))
    _print_backfilled(row, done, "started", format_)


async def _planned(url: str, name: str, from_: str, to: str) -> tuple[ScheduleRow, list[Backfilled]]:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum.engine.domain.durations import instant_us
    from cerebelum.engine.domain.schedules.wording import zone_of
    from cerebelum_cli.composition import reading
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.output import say
    from cerebelum_cli.schedule_options import named_zone
    from cerebelum_cli.typed_times import typed_instant

    async with reading(url) as engine:
        schedules = Schedules(engine)
        row = await schedules.get(name)
        zone = named_zone(zone_of(row.spec.rule))
        from_us = instant_us(typed_instant(from_, "--from", zone), what="--from")
        until_us = instant_us(typed_instant(to, "--to", zone), what="--to")
        if until_us <= from_us:
            raise UsageProblem(f"--to {to!r} is not after --from {from_!r}", help_="--from 2027-01-01 --to 2027-01-08")
        planned = await schedules.backfill(name, from_us, until_us, dry_run=True)
        now_us = await engine.store.now_us()
        if not planned and from_us >= now_us:
            raise UsageProblem(
                f"--from {from_!r} is still to come: {name!r} will fire then by itself",
                help_=f"cerebelum schedule next {name}",
            )
        if until_us > now_us:
            say("note: what is still to come is left out")
        if not planned:
            raise UsageProblem(
                f"no fire of {name!r} lies from {from_} until {to}; --to itself does not belong to the range",
                help_=f"cerebelum schedule next {name} --after {from_}",
            )
        return row, planned


async def _backfilled(url: str, row: ScheduleRow, planned: list[Backfilled]) -> list[Backfilled]:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum_cli.composition import opened

    async with opened(url) as engine:
        return await Schedules(engine).backfill(row.name, planned[0].fire_us, planned[-1].fire_us + 1)


def _print_backfilled(
    row: ScheduleRow, found: list[Backfilled], fresh: Literal["planned", "started"], format_: Format
) -> None:
    from cerebelum.engine.domain.schedules.wording import local_text, zone_of
    from cerebelum_cli.output import print_rows
    from cerebelum_cli.schedule_options import named_zone
    from cerebelum_cli.words import clock, rfc3339

    zone = named_zone(zone_of(row.spec.rule))
    rows = []
    for one in found:
        state = "existed" if one.existed else fresh
        shape = {
            "schema": "cerebelum.backfill/1", "schedule": row.name, "fire_at": rfc3339(one.fire_us),
            "execution_id": one.execution_id, "state": state,
        }  # fmt: skip
        rows.append((shape, [local_text(one.fire_us, zone), clock(one.fire_us), one.execution_id, state]))
    print_rows(format_, rows, ("LOCAL", "UTC", "ID", "STATE"), id_key="execution_id", least=("LOCAL",))
