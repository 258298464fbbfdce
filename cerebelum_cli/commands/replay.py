"""`replay`: the code of an execution against its history. No step runs, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, ReadId, StoreOption, chosen
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.application.replay import ExecutionReplay
    from cerebelum.engine.application.replay_report import ReplayReport

_COLUMNS = ("N", "EVENT", "AFTER", "LINE", "SUMMARY")


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(replay)


def replay(
    execution_id: ReadId,
    to: Annotated[
        int | None, typer.Option("--to", min=1, metavar="N", help="Stop after event N, and show the state there.")
    ] = None,
    watch: Annotated[
        list[str] | None, typer.Option("--watch", metavar="PATH", help="Follow a local: order, order.total, items[0].")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only compare, with the code on disk.")] = False,
    code: Annotated[
        str | None,
        typer.Option("--code", metavar="FLOW.py[:name]", help="Replay on this code; default: the code that ran."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines only: the events, without locals.")] = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Replay an execution: for each event the line its code stood on, and the locals that changed.

    Exit codes: 0 the code does what the history says, 3 no such execution, 4 it does something else.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    wanted = _Wanted(execution_id, to, watch or [], check, code, plain, chosen(output, as_json))
    run_async(_replay(store_url(store), wanted))


class _Wanted:
    def __init__(
        self, text: str, to: int | None, watch: list[str], check: bool, code: str | None, plain: bool, output: Format
    ) -> None:
        self.text, self.to, self.watch, self.check = text, to, watch, check
        self.code, self.plain, self.output = code, plain, output


async def _replay(url: str, wanted: _Wanted) -> None:
    from cerebelum.engine.domain.errors import HistoryMismatch
    from cerebelum.engine.domain.errors_determinism import ActivationBlocked
    from cerebelum_cli.composition import reading
    from cerebelum_cli.errors import ReplayDiffers

    async with reading(url) as engine:
        made = await _load(engine, url, wanted)
        try:
            report = made.to_end() if wanted.check else await _show(made, wanted)
        except HistoryMismatch as error:
            _add_source(error, made)
            raise
        except ActivationBlocked as error:
            error.exit_code = ReplayDiffers.exit_code  # the code does not go the recorded way
            raise
        if wanted.check and wanted.output in (Format.json, Format.jsonl):
            from cerebelum_cli.output import print_json

            print_json(_of_report(report))
        _tell(report)
        if report.stuck and report.is_open:
            raise ReplayDiffers(report.execution_id, f"still open ({report.status})", f"does not wait: {report.stuck}")
        if not report.fits:
            raise ReplayDiffers(report.execution_id, report.recorded, report.replayed)


async def _load(engine: Engine, url: str, wanted: _Wanted) -> ExecutionReplay:
    from cerebelum.engine.application import query
    from cerebelum.engine.application.replay import replay_execution
    from cerebelum_cli.composition import project_of
    from cerebelum_cli.errors import EventNotFound, UsageProblem
    from cerebelum_cli.flows import find_flow, load_target

    execution_id = await query.resolve_id(engine, wanted.text)
    row = (await query.get_execution(engine, execution_id)).row
    if wanted.to is not None and wanted.to > row.last_version:
        raise EventNotFound(execution_id, wanted.to, row.last_version)
    flow = None
    if wanted.code is not None:
        flow = load_target(wanted.code if ":" in wanted.code else f"{wanted.code}:{row.workflow}")
    elif wanted.check:
        command = f"cerebelum replay {execution_id} --check --code FLOW.py"
        flow = await find_flow(engine, row, help_=command, project=project_of(url))
    if flow is not None:
        from cerebelum.engine.runtime.code.digest import describe

        flow.definition.code = describe(flow.definition).short_digest
    try:
        return await replay_execution(
            engine, execution_id, definition=flow.definition if flow else None, to_version=wanted.to,
            watch=wanted.watch, frames=not wanted.check,
        )  # fmt: skip
    except ValueError as error:
        raise UsageProblem(str(error), help_="cerebelum replay ID --watch order.total") from None


async def _show(made: ExecutionReplay, wanted: _Wanted) -> ReplayReport:
    from cerebelum_cli.output import print_json_line, print_rows
    from cerebelum_cli.replay_text import of_frame, print_frame, print_state

    shapes: list[dict[str, Any]] = []
    start_us, last = None, None
    for frame in made:
        start_us = frame.at_us if start_us is None else start_us
        last = frame
        if wanted.output is Format.text:
            print_frame(frame, start_us, plain=wanted.plain)
        elif wanted.output is Format.json:
            shapes.append(of_frame(made.row.id, frame))
        elif wanted.output is Format.jsonl:
            print_json_line(of_frame(made.row.id, frame))
        else:
            out(str(frame.version))
    if wanted.output is Format.json:
        print_rows(Format.json, [(shape, ()) for shape in shapes], _COLUMNS, id_key="version")
    if last is not None and wanted.to is not None and wanted.output is Format.text:
        print_state(last, made.code.sources)
    assert made.report is not None
    return made.report


def _tell(report: ReplayReport) -> None:
    from cerebelum_cli.output import say
    from cerebelum_cli.words import duration

    counted = (
        f"{report.events} of {report.event_count} events"
        if report.events < report.event_count
        else f"{report.events} events"
    )
    told = {
        "same": f"the same: {report.recorded}",
        "open": f"fits so far; it is still open ({report.status})",
        "stopped": "fits so far",
        "by_engine": f"fits; the engine ended it: {report.recorded}",
        "different": "not the same",
    }[report.outcome]
    say(
        f"{told}  ({counted} in {duration(report.took_us)}; code @{report.code[:4] or '?'}, {_ORIGINS[report.code_origin]})"
    )
    if report.stuck:
        say(f"  {report.stuck}")


_ORIGINS = {"loaded": "as it ran", "stored": "as it ran", "given": "from disk"}


def _of_report(report: ReplayReport) -> dict[str, Any]:
    return {
        "schema": "cerebelum.replay/1",
        "execution_id": report.execution_id,
        "workflow": report.workflow,
        "code": report.code,
        "code_origin": report.code_origin,
        "status": report.status,
        "events": report.events,
        "event_count": report.event_count,
        "outcome": report.outcome,
        "recorded": report.recorded,
        "replayed": report.replayed,
        "duration_ms": report.took_us / 1000,
    }


def _add_source(error: Any, made: ExecutionReplay) -> None:
    """Add the source line at which the code of now asked for something else."""
    from cerebelum.engine.domain.errors_code import excerpt
    from cerebelum_cli.replay_text import source_line

    file, _, number = error.requested_line.partition(" ")[0].rpartition(":")
    if file and number.isdecimal():
        line = source_line(file, int(number), made.code.sources)
        if line:
            error.add_note(excerpt(int(number), line))
