"""`events`: the history of an execution, the source of truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, ReadId, StoreOption, chosen

if TYPE_CHECKING:
    from cerebelum.engine.domain.events import RecordedEvent

_COLUMNS = ("N", "TYPE", "AFTER", "LINE", "DATA")
_TOLD_ELSEWHERE = ("type", "line")


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(events)


def events(
    execution_id: ReadId,
    first: Annotated[int, typer.Option("--from", min=1, metavar="N", help="From this event on.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, metavar="N", help="Up to this event.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the execution ends.")] = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Print the events of an execution, oldest first; `-o ids` prints the events' ids."""
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import print_rows
    from cerebelum_cli.settings import store_url
    from cerebelum_cli.shapes import of_event

    format_, url = chosen(output, as_json), store_url(store)
    if follow and format_ is not Format.json:
        run_async(_follow(url, execution_id, first, type_, format_))
        return
    whole_id, found = run_async(_read(url, execution_id, first, last, type_, follow))
    start_us = found[0].at_us if found else 0
    rows = ((of_event(whole_id, event), _cells(event, start_us)) for event in found)
    print_rows(format_, rows, _COLUMNS, id_key="id")


async def _read(
    url: str, text: str, first: int, last: int | None, type_: str | None, follow: bool
) -> tuple[str, list[RecordedEvent]]:
    from cerebelum.engine.application import query
    from cerebelum_cli.composition import reading

    _check_type(type_)
    async with reading(url) as engine:
        execution_id = await query.resolve_id(engine, text)
        if follow:  # a list is one valid array, so it is printed at the end
            async for _ in query.follow(engine, execution_id):
                pass
        return execution_id, await query.history(engine, execution_id, from_version=first, to_version=last, type_=type_)


async def _follow(url: str, text: str, first: int, type_: str | None, format_: Format) -> None:
    from cerebelum.engine.application import query
    from cerebelum_cli.composition import reading
    from cerebelum_cli.output import print_rows
    from cerebelum_cli.shapes import of_event

    wanted = _check_type(type_)
    start_us: int | None = None
    async with reading(url) as engine:
        execution_id = await query.resolve_id(engine, text)
        async for event in query.follow(engine, execution_id, after_version=first - 1):
            start_us = event.at_us if start_us is None else start_us
            if wanted is None or event.type in wanted:
                print_rows(format_, [(of_event(execution_id, event), _cells(event, start_us))], _COLUMNS, id_key="id")


def _check_type(type_: str | None) -> tuple[str, ...] | None:
    from cerebelum.engine.domain.events import matching_types
    from cerebelum_cli.errors import UsageProblem

    if type_ is None:
        return None
    try:
        return matching_types(type_)
    except ValueError as error:
        raise UsageProblem(str(error), help_="cerebelum events ID --type step_failed") from None


def _cells(event: RecordedEvent, start_us: int) -> list[str]:
    from cerebelum_cli.words import masked, shown

    data: Any = masked(event.data)
    facts = (
        {name: value for name, value in data.items() if name not in _TOLD_ELSEWHERE} if isinstance(data, dict) else {}
    )
    line = data.get("line", "") if isinstance(data, dict) else ""
    after = f"{(event.at_us - start_us) / 1_000_000:.3f}s"
    return [str(event.version), event.type, after, str(line), shown(facts, limit=200) if facts else ""]
