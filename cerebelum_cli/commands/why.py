"""`why`: what an execution waits for and who can move it; `--stuck`: all those that nothing moves by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.application.stuck import Report
    from cerebelum.engine.domain.reasons import Why

_DEFAULT_FOR = "10m"


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(why)


def why(
    execution_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="An execution: its id, a unique beginning of it, @last or @last-failed."),
    ] = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="All open executions that nothing moves by itself.")] = False,
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help=f"With --stuck: for at least so long.  [default: {_DEFAULT_FOR}]"),
    ] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", help="With --stuck: of this workflow.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="With --stuck: how many executions to name.")
    ] = 50,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Say what an execution waits for, since when, until when, and who can move it; or how it ended.

    Exit codes: 0 answered, 2 neither an ID nor --stuck, 3 no such execution.
    """
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.settings import store_url

    format_ = chosen(output, as_json)
    if (execution_id is None) != stuck:
        problem = "an ID and --stuck were given: one of them" if stuck else "neither an ID nor --stuck was given"
        raise UsageProblem(problem, help_="cerebelum why @last; cerebelum why --stuck --for 10m")
    if execution_id is not None:
        if for_ is not None or workflow is not None:
            raise UsageProblem("--for and --workflow go with --stuck", help_="cerebelum why --stuck --for 10m")
        _one(store_url(store), execution_id, format_)
    else:
        _stuck(store_url(store), for_ or _DEFAULT_FOR, workflow, limit, format_)


def _one(url: str, text: str, format_: Format) -> None:
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import print_json
    from cerebelum_cli.why_text import lines_of, object_of

    answer, now_us = run_async(_answer(url, text))
    if format_ is Format.ids:
        out(answer.execution_id)
    elif format_ is Format.text:
        for line in lines_of(answer, now_us):
            out(line)
    else:
        print_json(object_of(answer))


async def _answer(url: str, text: str) -> tuple[Why, int]:
    from cerebelum.engine.application import query, reasons
    from cerebelum.engine.domain.errors import ExecutionNotFound
    from cerebelum_cli.composition import reading
    from cerebelum_cli.settings import settled

    async with reading(url) as engine:
        try:
            execution_id = await query.resolve_id(engine, text)
        except ExecutionNotFound:
            execution_id = text  # a fire that waits in its schedule's queue has an id, and no execution yet
        answer = await reasons.why(engine, execution_id, limits=settled().settings.queues)
        return answer, await engine.store.now_us()


def _stuck(url: str, for_: str, workflow: str | None, limit: int, format_: Format) -> None:
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import print_json, print_json_line
    from cerebelum_cli.typed_times import typed_duration
    from cerebelum_cli.why_text import group_object, stuck_lines

    for_us = int(typed_duration(for_, "--for").total_seconds() * 1_000_000)
    report, now_us = run_async(_found(url, for_us, workflow, limit))
    if format_ is Format.json:
        print_json([group_object(group) for group in report.groups])
    elif format_ is Format.jsonl:
        for group in report.groups:
            print_json_line(group_object(group))
    elif format_ is Format.ids:
        for group in report.groups:
            for member in group.members:
                out(member.row.id)
    else:
        for line in stuck_lines(report, now_us):
            out(line)
        _tell(report, for_, limit)


async def _found(url: str, for_us: int, workflow: str | None, limit: int) -> tuple[Report, int]:
    from cerebelum.engine.application.stuck import find_stuck
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        report = await find_stuck(engine, for_us=for_us, limit=limit, workflow=workflow)
        return report, await engine.store.now_us()


def _tell(report: Report, for_: str, limit: int) -> None:
    from cerebelum_cli.output import say

    say(f"{report.stuck} of {report.looked_at} open executions are stuck for {for_} or longer")
    if report.younger:
        say(f"  for less long: {report.younger}; with them: cerebelum why --stuck --for 0")
    if sum(len(group.members) for group in report.groups) < report.stuck:
        say(f"  more of them by name: --limit {min(10_000, limit * 10)}; narrower: --workflow NAME")
    if report.unread:
        say(f"  {report.unread} were judged by their row alone: --workflow NAME looks closer")
