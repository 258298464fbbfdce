"""Which commands there are, in the order of the help page, and the module of each; one is imported when it is asked for.

Importing them all and letting typer take every signature apart costs a tenth of a second that no command but `--help`
has a use for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

COMMANDS: Mapping[str, str] = {
    "init": "init",
    "dev": "dev",
    "run": "run_flow",
    "start": "start",
    "worker": "worker",
    "list": "executions",
    "show": "executions",
    "tree": "tree",
    "events": "events",
    "logs": "logs",
    "result": "result",
    "wait": "result",
    "signal": "control",
    "query": "messages",
    "update": "messages",
    "input": "people",
    "inputs": "people",
    "cancel": "control",
    "pause": "control",
    "resume": "control",
    "replay": "replay",
    "fork": "fork",
    "diff": "diff",
    "tui": "tui",
    "test": "crash_test",
    "check": "check",
    "graph": "graph",
    "why": "why",
    "export": "bundles",
    "import": "bundles",
    "schedule": "schedule",
    "cluster": "cluster",
    "db": "db",
    "config": "config",
    "doctor": "doctor",
    "explain": "about",
    "version": "about",
    "completion": "about",
}


class _CommandModule(Protocol):
    def add_to(self, app: typer.Typer) -> None: ...


def load_command(name: str) -> TyperCommand | TyperGroup:
    """Import the module of a command and return it.

    Raises:
        KeyError: there is no such command.
    """
    module = cast("_CommandModule", import_module(f"cerebelum_cli.commands.{COMMANDS[name]}"))
    part = typer.Typer(rich_markup_mode=None, add_completion=False)
    part.callback()(_no_options)  # makes it a group, also of one command
    module.add_to(part)
    group = get_command(part)
    assert isinstance(group, TyperGroup)
    command = group.commands[name]
    assert isinstance(command, TyperCommand | TyperGroup)
    return command


def _no_options() -> None:
    pass
