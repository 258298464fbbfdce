"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How data is printed."""

    text = "text"
    json = "json"
    jsonl = "jsonl"
    ids = "ids"


StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", help="Store: a path, sqlite:///… or postgresql://…  [default: .cerebelum/dev.db]"
    ),
]
OutputOption = Annotated[Format, typer.Option("--output", "-o", help="How to print.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as -o json.")]
ReadId = Annotated[
    str, typer.Argument(metavar="ID", help="An execution: its id, a unique beginning of it, @last or @last-failed.")
]
WholeId = Annotated[str, typer.Argument(metavar="ID", help="An execution's whole id, as printed by `cerebelum list`.")]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", min=0, metavar="SECONDS", help="Wait no longer than this; then exit 7.")
]


def chosen(output: Format, as_json: bool) -> Format:
    """Return the format that both options together mean."""
    return Format.json if as_json else output
