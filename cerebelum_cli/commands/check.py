"""`check`: what a replay could not repeat, found before it runs. For people, and for CI."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.options import JsonOption

if TYPE_CHECKING:
    from cerebelum_cli.checked_files import CheckedFiles


class CheckFormat(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"
    jsonl = "jsonl"
    sarif = "sarif"


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(check)


def check(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="A flow's file, or a folder.")] = Path(),
    output: Annotated[CheckFormat, typer.Option("--output", "-o", help="How to print.")] = CheckFormat.text,
    as_json: JsonOption = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="The same as -o sarif.")] = False,
) -> None:
    """Check flows: what in workflow code no replay can repeat.

    Exit codes: 0 nothing wrong (warnings and notes may be), 4 an error was found, 9 a flow cannot be loaded.
    """
    from cerebelum_cli.checked_files import check_files

    format_ = _chosen(output, as_json=as_json, as_sarif=as_sarif)
    checked = check_files(path)
    _print(checked, format_)
    if any(finding.level == "error" for finding in checked.findings):
        raise typer.Exit(4)
    if checked.unloadable:
        raise typer.Exit(9)


def _chosen(output: CheckFormat, *, as_json: bool, as_sarif: bool) -> CheckFormat:
    from cerebelum_cli.errors import UsageProblem

    if as_json and as_sarif:
        raise UsageProblem("--json and --sarif were given: one format at a time", help_="cerebelum check --help")
    return CheckFormat.sarif if as_sarif else CheckFormat.json if as_json else output


def _print(checked: CheckedFiles, format_: CheckFormat) -> None:
    from cerebelum_cli import check_text as text
    from cerebelum_cli.output import print_json, print_json_line, say

    match format_:
        case CheckFormat.text:
            for finding in checked.findings:
                text.print_finding(finding)
            for file in checked.unloadable:
                text.print_unloadable(file)
            say(text.counted(checked))
        case CheckFormat.json:
            print_json(
                {
                    "schema": "cerebelum.check/1",
                    "files": checked.files,
                    "workflows": checked.workflows,
                    "findings": [text.of_finding(finding) for finding in checked.findings],
                    "unloadable": [text.of_unloadable(file) for file in checked.unloadable],
                }
            )
        case CheckFormat.jsonl:
            for finding in checked.findings:
                print_json_line(text.of_finding(finding))
            for file in checked.unloadable:
                print_json_line(text.of_unloadable(file))
        case CheckFormat.sarif:
            from cerebelum_cli.check_sarif import sarif

            print_json(sarif(checked.findings, checked.unloadable))
