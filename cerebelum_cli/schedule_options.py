"""Options of the commands about schedules, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import tzinfo

    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.domain.schedules.schedule import ScheduleRow
    from cerebelum_cli.schedule_text import Shown

ScheduleName = Annotated[
    str, typer.Argument(metavar="NAME", help="A schedule's name, as `cerebelum schedule list` prints it.")
]
CronOption = Annotated[
    str | None, typer.Option("--cron", metavar="EXPR", help="Five fields in quotes: '0 9 * * 1-5'; or @daily.")
]
EveryOption = Annotated[str | None, typer.Option("--every", metavar="DURATION", help="So often: 90s, 5m, 1h30m, 2d.")]
TimezoneOption = Annotated[
    str | None,
    typer.Option(
        "--timezone", metavar="ZONE", help="On whose wall clock: Europe/Zurich.  [default: scheduler.timezone]"
    ),
]


@contextmanager
def typed_faults() -> Iterator[None]:
    """Faults of a schedule that was typed, not loaded from a file, are faults of usage: exit code 2."""
    from cerebelum.engine.domain.errors_schedule import InvalidSchedule

    try:
        yield
    except InvalidSchedule as error:
        error.exit_code = 2
        raise


def named_zone(name: str) -> tzinfo:
    """Return the zone of a name that was typed.

    Raises:
        UsageProblem: there is none.
    """
    from cerebelum.engine.domain.schedules.zones import zone_named
    from cerebelum_cli.errors import UsageProblem

    try:
        return zone_named(name)
    except ValueError as error:
        raise UsageProblem(str(error), help_="--timezone Europe/Zurich") from None


async def with_problem(engine: Engine, row: ScheduleRow) -> Shown:
    """Return a schedule with what stands in the way of its fires: no node that knows its workflow."""
    from cerebelum.engine.application.cluster import who_runs
    from cerebelum_cli.schedule_text import Shown

    fires = row.enabled and row.next_run_at_us is not None
    return Shown(row, (await who_runs(engine, row.workflow) or "") if fires else "")
