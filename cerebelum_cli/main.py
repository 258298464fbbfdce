"""The command's composition: which commands there are, and its entry point."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cerebelum_cli.command_group import CommandGroup
from cerebelum_cli.commands import about, control, db, events, executions, logs, replay, result, run_flow, start, worker

app = typer.Typer(
    name="cerebelum",
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110},
    pretty_exceptions_enable=False,
    help="Durable workflows in plain Python: run them, look at them, replay them.",
)


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=about.print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show frames of cerebelum in errors. May stand anywhere on the line.")
    ] = False,
) -> None:
    pass


for module in (run_flow, start, worker, executions, events, logs, result, control, replay, db, about):
    module.add_to(app)


def run() -> None:
    """Run the command that `sys.argv` holds; the console entry."""
    if sys.argv[1:] == ["--version"]:
        about.print_version(True)
    app(prog_name="cerebelum")
