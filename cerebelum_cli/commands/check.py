"""`check`: what no replay can repeat, and which open executions the code on disk does not fit. For people, and for CI."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.errors import UsageProblem
from cerebelum_cli.options import JsonOption, StoreOption

if TYPE_CHECKING:
    from cerebelum_cli.checked_files import CheckedFiles
    from cerebelum_cli.checked_histories import CheckedHistories


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
    ended: Annotated[bool, typer.Option("--all", help="Replay executions that have ended, too.")] = False,
    last: Annotated[
        int | None, typer.Option("--last", min=1, metavar="N", help="Replay only the newest N, open or ended.")
    ] = None,
    store: StoreOption = None,
    output: Annotated[CheckFormat, typer.Option("--output", "-o", help="How to print.")] = CheckFormat.text,
    as_json: JsonOption = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="The same as -o sarif.")] = False,
) -> None:
    """Check flows before they are deployed: what no replay can repeat, and which open executions they do not fit.

    Nothing is written, and no step runs. Warnings and notes do not fail.
    Exit codes: 0 nothing wrong, 4 an error was found or a replay diverges, 9 a flow cannot be loaded.
    """
    from cerebelum_cli.checked_files import check_files

    format_ = _chosen(output, as_json=as_json, as_sarif=as_sarif)
    if ended and last is not None:
        raise UsageProblem(
            "--all and --last were given: all, or the newest?", help_=f"cerebelum check {path} --last 100"
        )
    _refuse_name(path)
    checked = check_files(path)
    replayed = _replay(checked, store, ended=ended or last is not None, last=last, is_file=path.is_file())
    _print(checked, replayed, format_)
    is_wrong = any(finding.level == "error" for finding in checked.findings)
    if is_wrong or any(not check.goes_on for check in replayed.histories):
        raise typer.Exit(4)
    if checked.unloadable or replayed.unloadable:
        raise typer.Exit(9)


def _refuse_name(path: Path) -> None:
    file, separator, _ = str(path).rpartition(":")
    if separator and not path.exists() and Path(file).is_file():
        raise UsageProblem(f"{path} names a workflow: whole files are checked", help_=f"cerebelum check {file}")


def _chosen(output: CheckFormat, *, as_json: bool, as_sarif: bool) -> CheckFormat:
    if as_json and as_sarif:
        raise UsageProblem("--json and --sarif were given: one format at a time", help_="cerebelum check --help")
    return CheckFormat.sarif if as_sarif else CheckFormat.json if as_json else output


def _replay(
    checked: CheckedFiles, store: str | None, *, ended: bool, last: int | None, is_file: bool
) -> CheckedHistories:
    """Replay what the store holds. Without a store there is nothing to replay, unless one was named."""
    import sys
    from contextlib import redirect_stdout

    from cerebelum_cli.checked_histories import CheckedHistories, check_store, load_flows
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import say
    from cerebelum_cli.settings import DEFAULT_STORE, store_url

    readable = [file for file in checked.flows if file.suffix == ".py" or not checked.unloadable]
    url = store_url(store)
    with redirect_stdout(sys.stderr):  # stdout is for findings; what flows print is talk
        if store is None and url == store_url(DEFAULT_STORE) and not Path(DEFAULT_STORE).exists():
            say(f"no store at {DEFAULT_STORE}: no executions to replay (another? --store URL)")
            _, files, unloadable = load_flows([file for file in readable if file.suffix != ".py"], imported=False)
            return CheckedHistories([], {}, unloadable, files)
        return run_async(check_store(url, readable, ended=ended, last=last, imported=is_file))


def _print(checked: CheckedFiles, replayed: CheckedHistories, format_: CheckFormat) -> None:
    from cerebelum_cli import check_text as text
    from cerebelum_cli.output import print_json, print_json_line

    unloadable = [*checked.unloadable, *replayed.unloadable]
    findings = [text.of_finding(finding) for finding in checked.findings]
    histories = [text.of_history(check, replayed.files[check.workflow]) for check in replayed.histories]
    match format_:
        case CheckFormat.text:
            _print_text(checked, replayed)
        case CheckFormat.json:
            print_json(
                {
                    "schema": "cerebelum.check/1",
                    "files": checked.files,
                    "workflows": checked.workflows,
                    "findings": findings,
                    "unloadable": [text.of_unloadable(file) for file in unloadable],
                    "histories": histories,
                    "left_out": replayed.skipped,
                }
            )
        case CheckFormat.jsonl:
            for shape in (*findings, *(text.of_unloadable(file) for file in unloadable), *histories):
                print_json_line(shape)
        case CheckFormat.sarif:
            from cerebelum_cli.check_sarif import sarif

            print_json(sarif(checked.findings, unloadable, replayed.histories, replayed.files))


def _print_text(checked: CheckedFiles, replayed: CheckedHistories) -> None:
    from cerebelum_cli import check_text as text
    from cerebelum_cli.output import say

    for finding in checked.findings:
        text.print_finding(finding)
    for file in (*checked.unloadable, *replayed.unloadable):
        text.print_unloadable(file)
    for check in replayed.histories:
        if not check.goes_on:
            text.print_history(check, replayed.files[check.workflow])
    if checked.files:
        say(text.counted(checked))
    if replayed.histories or replayed.skipped or replayed.files:
        for line in text.told(replayed.histories, replayed.skipped):
            say(line)
