"""`config`: which settings count here, and where each comes from. Reads files and the environment; opens no store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cerebelum_cli.setting_layers import Settled

DefaultsOption = Annotated[
    bool, typer.Option("--defaults", help="Every setting with its default and meaning; reads no file.")
]


def add_to(app: typer.Typer) -> None:
    """Add the group of this module."""
    group = typer.Typer(name="config", help="The settings that count here, and their origin.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(config)
    group.command()(show)
    app.add_typer(group)


def config(
    ctx: typer.Context,
    defaults: DefaultsOption = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """The settings that count here, and their origin; alone it is the same as `config show`."""
    if ctx.invoked_subcommand is None:
        show(defaults, store, output, as_json)


def show(
    defaults: DefaultsOption = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Print each setting, its value, and who gave it: a file and its line, a variable, a flag, or the default.

    Exit codes: 0 printed, 2 a setting is not known or has a value that it does not take.
    """
    from cerebelum_cli.output import print_rows, say
    from cerebelum_cli.setting_layers import settle
    from cerebelum_cli.settings import flag, settled

    found = settle(None, {}) if defaults else settled(flag("--store", ("store",), store))
    rows = list(_rows(found))
    columns = ("key", "value", "variable", "meaning") if defaults else ("key", "value", "origin")
    cells = [[_text(row[column]) for column in columns] for row in rows]
    headings = [column.upper() for column in columns]
    print_rows(chosen(output, as_json), zip(rows, cells, strict=True), headings, id_key="key")
    for name, near in found.strange_variables:
        say(f"note: the variable {name} is no setting; did you mean {near}?")


def _rows(found: Settled) -> Iterator[dict[str, Any]]:
    from cerebelum.engine.domain.queues import BUILT_IN
    from cerebelum_cli.setting_model import at, known, variable_of

    built_in: dict[tuple[str, ...], int] = {("queues", name): places for name, places in BUILT_IN.items()}
    places = [place for place in known() if place[-1] != "*"]
    places += [place for place in {**built_in, **found.given} if place not in places]
    order = {place[0]: number for number, place in enumerate(known())}
    for place in sorted(places, key=lambda place: order[place[0]]):
        given, facts = found.given.get(place), at(place)
        assert facts is not None
        is_queue = place not in known()
        default = built_in.get(place) if is_queue else facts.default
        yield {
            "schema": "cerebelum.setting/1",
            "key": ".".join(place),
            "value": _masked(place, default if given is None else given.value),
            "default": default,
            "origin": "default" if given is None else given.origin,
            "origin_kind": "default" if given is None else given.kind,
            "variable": variable_of(place[:1] if is_queue else place),
            "meaning": facts.meaning,
        }


def _masked(place: tuple[str, ...], value: Any) -> Any:
    from cerebelum_cli.settings import shown_store, url_of

    return shown_store(url_of(value)) if place == ("store",) else value


def _text(value: Any) -> str:
    """Return a value as a person writes it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
