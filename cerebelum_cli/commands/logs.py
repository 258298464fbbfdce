"""`logs`: what the steps of an execution printed and logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, ReadId, StoreOption, chosen
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.ports.store import LogLine

_COLUMNS = ("TIME", "LEVEL", "STEP", "MESSAGE")


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(logs)


def logs(
    execution_id: ReadId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the execution ends.")] = False,
    step: Annotated[str | None, typer.Option("--step", help="Of this step.")] = None,
    level: Annotated[
        str, typer.Option("--level", help="From this level on; stdout and stderr count as info.")
    ] = "debug",
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Print the captured lines of an execution's steps, in the order they were written."""
    from cerebelum.engine.domain.log_levels import RANKS
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.settings import store_url

    if level not in RANKS:
        raise UsageProblem(f"no level {level!r}", help_=f"--level, one of {', '.join(RANKS)}")
    run_async(_logs(store_url(store), execution_id, follow, step, RANKS[level], chosen(output, as_json)))


async def _logs(url: str, text: str, follow: bool, step: str | None, least: int, format_: Format) -> None:
    from cerebelum.engine.application import query
    from cerebelum.engine.domain.log_levels import rank_of
    from cerebelum_cli.composition import reading
    from cerebelum_cli.output import print_rows
    from cerebelum_cli.shapes import of_log

    kept: list[LogLine] = []
    async with reading(url) as engine:
        execution_id = await query.resolve_id(engine, text)
        lines = query.follow_logs(engine, execution_id) if follow else query.read_logs(engine, execution_id)
        async for line in lines:
            if (step is not None and line.step != step) or rank_of(line.level) < least:
                continue
            if format_ is Format.json:
                kept.append(line)  # a list is one valid array
            elif format_ is Format.text:
                _print_line(line)
            else:
                print_rows(format_, [(of_log(line), ())], _COLUMNS, id_key="number")
    if format_ is Format.json:
        print_rows(format_, [(of_log(line), ()) for line in kept], _COLUMNS, id_key="number")


def _print_line(line: LogLine) -> None:
    import sys

    from cerebelum.engine.domain.durations import utc
    from cerebelum.engine.domain.terminal_text import visible
    from cerebelum.engine.runtime.masking import mask_text
    from cerebelum_cli.output import is_terminal

    at = utc(line.at_us).strftime("%H:%M:%S.%f")[:-3]
    step = visible(line.step, keep_newlines=False) + (f"#{line.attempt}" if line.attempt > 1 else "")
    if not is_terminal(sys.stdout):
        message = visible(mask_text(line.message), keep_newlines=False)
        out(f"{at}\t{line.level}\t{step}\t{message}")
        return
    first, *rest = visible(mask_text(line.message)).split("\n")
    out(f"{at} {line.level:<8} {step:<16} {first}")
    for more in rest:
        out(f"{'':<39}{more}")
