"""`db status` and `db upgrade`: the store's schema."""

from __future__ import annotations

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen
from cerebelum_cli.streams import out


def add_to(app: typer.Typer) -> None:
    """Add the group of this module."""
    group = typer.Typer(
        name="db", help="The store: its schema and its size.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command()(status)
    group.command()(upgrade)
    app.add_typer(group)


def status(store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False) -> None:
    """Say which schema the store has, and whether this release can use it. Changes nothing.

    Exit codes: 0 current, 6 it cannot be used as it is (empty, older or newer).
    """
    from cerebelum.engine.domain.errors_store import SchemaTooNew, SchemaTooOld
    from cerebelum_cli.composition import known_revisions, run_async, schema_revisions
    from cerebelum_cli.output import print_json
    from cerebelum_cli.settings import shown_store, store_url

    url = store_url(store)
    present, newest = run_async(schema_revisions(url))
    shown = shown_store(url)
    state = "current" if present == newest else "older" if present in (None, "", *known_revisions()) else "newer"
    if chosen(output, as_json) is not Format.text:
        print_json({"schema": "cerebelum.db/1", "store": shown, "revision": present, "newest": newest, "state": state})
    else:
        for name, text in (("store", shown), ("schema", present or "none"), ("newest", newest), ("state", state)):
            out(f"{name:<8} {text}")
    if state == "older":
        raise SchemaTooOld(
            f"{shown} has schema {present or 'none'}; this release works on {newest}\n  help: cerebelum db upgrade --store {shown}"
        )
    if state == "newer":
        raise SchemaTooNew(
            f"{shown} was made by a newer Cerebelum (schema {present})\n  help: pip install --upgrade cerebelum"
        )


def upgrade(store: StoreOption = None) -> None:
    """Bring the store's schema to this release's."""
    from cerebelum.engine.domain.errors_store import SchemaTooNew
    from cerebelum_cli.composition import known_revisions, run_async, schema_revisions, upgrade_schema
    from cerebelum_cli.output import say
    from cerebelum_cli.settings import shown_store, store_url

    url = store_url(store)
    shown = shown_store(url)
    before, newest = run_async(schema_revisions(url))
    if before not in (None, "", *known_revisions()):
        raise SchemaTooNew(
            f"{shown} was made by a newer Cerebelum (schema {before})\n  help: pip install --upgrade cerebelum"
        )
    if before == newest:
        say(f"{shown} has schema {newest} already")
        return
    run_async(upgrade_schema(url))
    say(f"{shown}: schema {before or 'none'} -> {newest}")
