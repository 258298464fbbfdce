"""`diff`: two executions side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, ReadId, StoreOption, chosen

if TYPE_CHECKING:
    from cerebelum.engine.application.diffing import ExecutionDiff


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(diff)


def diff(
    first: ReadId,
    second: ReadId,
    whole: Annotated[bool, typer.Option("--all", help="Also the events that are the same.")] = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Compare two executions: where they first part, what differs in each event, their code, their times.

    Events belong together by their command, not by their time. Exit code 0, also where they differ.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.diff_text import of_diff, print_diff
    from cerebelum_cli.output import print_json
    from cerebelum_cli.settings import store_url
    from cerebelum_cli.streams import out

    found = run_async(_diff(store_url(store), first, second))
    format_ = chosen(output, as_json)
    if format_ is Format.text:
        print_diff(found, whole=whole)
    elif format_ is Format.ids:
        out(f"{found.first.id}\n{found.second.id}")
    else:
        print_json(of_diff(found, whole=whole))


async def _diff(url: str, first: str, second: str) -> ExecutionDiff:
    from cerebelum.engine.application import diffing, query
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        ids = await query.resolve_id(engine, first), await query.resolve_id(engine, second)
        return await diffing.diff(engine, *ids)
