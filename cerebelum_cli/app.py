"""The command's composition: its own options, and a group that finds the commands in `command_table`."""

from __future__ import annotations

from typing import Annotated

import typer

from cerebelum_cli.command_group import CommandGroup

app = typer.Typer(
    name="cerebelum",
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110},
    pretty_exceptions_enable=False,
    help="Durable workflows in plain Python: run them, look at them, replay them.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from cerebelum_cli.commands.about import print_version

        print_version()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show frames of cerebelum in errors. May stand anywhere on the line.")
    ] = False,
) -> None:
    pass
