"""`schedule pause|resume|trigger|delete`: each is durable when the command returns, and prints the whole name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen
from cerebelum_cli.schedule_options import ScheduleName
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.domain.schedules.schedule import ScheduleRow
    from cerebelum_cli.schedule_text import Shown


def add_to(group: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (pause, resume, trigger, delete):
        group.command()(command)


def pause(
    name: ScheduleName,
    reason: Annotated[str, typer.Option("--reason", help="Shown beside the schedule.")] = "",
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Fire no more until it is resumed. What runs goes on.

    Exit codes: 0 paused, 3 no such schedule, 5 it is paused already.
    """

    async def act(engine: Engine, row: ScheduleRow) -> ScheduleRow:
        from cerebelum.engine.application.schedules import Schedules
        from cerebelum_cli.schedule_errors import ScheduleStateHeld

        if not row.enabled and row.paused_by == "hand":
            raise ScheduleStateHeld(name, "paused", help_=f"cerebelum schedule resume {name}")
        return await Schedules(engine).pause(name, reason)

    _change(store, name, act, "paused", chosen(output, as_json))


def resume(
    name: ScheduleName, store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False
) -> None:
    """Fire again, from now on: what was missed meanwhile stays missed; `schedule backfill` starts it.

    Exit codes: 0 resumed, 3 no such schedule, 5 it is not paused.
    """

    async def act(engine: Engine, row: ScheduleRow) -> ScheduleRow:
        from cerebelum.engine.application.schedules import Schedules
        from cerebelum_cli.schedule_errors import ScheduleStateHeld

        if row.enabled:
            raise ScheduleStateHeld(name, "active", help_=f"cerebelum schedule next {name}")
        return await Schedules(engine).resume(name)

    _change(store, name, act, "resumed", chosen(output, as_json))


def _change(store: str | None, name: str, act: Any, done: str, format_: Format) -> None:
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import print_json, print_json_line, say
    from cerebelum_cli.schedule_text import of_schedule
    from cerebelum_cli.settings import store_url

    found = run_async(_changed(store_url(store), name, act))
    if format_ in (Format.json, Format.jsonl):
        (print_json if format_ is Format.json else print_json_line)(of_schedule(found))
        return
    out(found.row.name if format_ is Format.ids else f"{done}: {found.row.name}")
    if format_ is Format.text and found.problem:
        say(f"{found.problem}\n  help: start a node: cerebelum worker FLOW.py")


async def _changed(url: str, name: str, act: Any) -> Shown:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum_cli.composition import opened
    from cerebelum_cli.schedule_options import with_problem

    async with opened(url) as engine:
        return await with_problem(engine, await act(engine, await Schedules(engine).get(name)))


def trigger(
    name: ScheduleName, store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False
) -> None:
    """Start an execution now, as a fire would, also of a paused schedule, and print its id.

    Exit codes: 0 stored, 3 no such schedule, or its workflow was removed.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    run_async(_trigger(store_url(store), name, chosen(output, as_json)))


async def _trigger(url: str, name: str, format_: Format) -> None:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum_cli.commands.start import print_started
    from cerebelum_cli.composition import opened

    async with opened(url) as engine:
        schedules = Schedules(engine)
        row = await schedules.get(name)
        execution_id = await schedules.trigger(name)
        otherwise = f"cerebelum run --resume {execution_id}"
        await print_started(engine, execution_id, row.workflow, format_, otherwise=otherwise)


def delete(
    name: ScheduleName, store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False
) -> None:
    """Remove a schedule and the record of its fires. Executions that it started stay, and go on.

    Exit codes: 0 removed, 3 no such schedule.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import print_json, print_json_line, say
    from cerebelum_cli.settings import store_url

    format_ = chosen(output, as_json)
    row = run_async(_delete(store_url(store), name))
    if format_ in (Format.json, Format.jsonl):
        shape = {"schema": "cerebelum.request/1", "request": "schedule delete", "schedule": row.name, "done": "deleted"}
        (print_json if format_ is Format.json else print_json_line)(shape)
        return
    out(row.name if format_ is Format.ids else f"deleted: {row.name}")
    if row.origin == "code" and format_ is Format.text:
        say(
            f"note: module {row.module} may declare it; then it is back when a node loads that. "
            f"To keep it still, pause it instead: cerebelum schedule pause {row.name}"
        )


async def _delete(url: str, name: str) -> ScheduleRow:
    from cerebelum.engine.application.schedules import Schedules
    from cerebelum_cli.composition import opened

    async with opened(url) as engine:
        schedules = Schedules(engine)
        row = await schedules.get(name)
        await schedules.delete(name)
        return row
