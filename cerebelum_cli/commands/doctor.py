"""`doctor`: whether this machine, this configuration and this store are fit to run workflows. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen

if TYPE_CHECKING:
    from cerebelum_cli.diagnosis import Finding

_MARKS = {"ok": "✓", "warning": "!", "error": "✗"}
_COLOURS = {"ok": "completed", "warning": "cancelled", "error": "failed"}


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(doctor)


def doctor(store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False) -> None:
    """Check Python, SQLite, settings, store, file system, disk, clock and installed parts; say what to do.

    Exit codes: 0 no error (there may be warnings), 1 an error was found.
    """
    found = _examine(store)
    counts = {state: sum(finding.state == state for finding in found) for state in _MARKS}
    format_ = chosen(output, as_json)
    if format_ is Format.text:
        _print(found, counts)
    else:
        _print_data(found, format_, is_well=not counts["error"])
    if counts["error"]:
        raise typer.Exit(1)


def _examine(store: str | None) -> list[Finding]:
    from cerebelum.engine.domain.errors import CerebelumError
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.diagnosis import Finding, check_clock, check_parts, check_python, check_sqlite
    from cerebelum_cli.settings import store_url, url_of
    from cerebelum_cli.store_diagnosis import check_store

    try:
        url = store_url(store)
    except CerebelumError as error:
        text, _, remedy = str(error).partition("\n  help: ")
        first = text.splitlines()[0]
        settings = Finding("settings", "error", f"{first} [{error.code}]", remedy)
        url = url_of(store) if store and store.strip() else ""
    else:
        settings = _settings()
    about_store = run_async(check_store(url)) if url else []  # which store is meant, nobody knows without settings
    is_file = not url or url.startswith("sqlite:")
    return [check_python(), check_sqlite(is_used=is_file), settings, *about_store, check_clock(), *check_parts()]


def _settings() -> Finding:
    from cerebelum_cli.diagnosis import Finding
    from cerebelum_cli.settings import settled

    found = settled()
    if found.strange_variables:
        named = ", ".join(f"{name} (did you mean {near}?)" for name, near in found.strange_variables)
        return Finding("settings", "warning", f"variables that are no settings: {named}", "cerebelum config show")
    places = len(found.given)
    return Finding("settings", "ok", f"{places} set, the rest at their defaults" if places else "all at their defaults")


def _print(found: list[Finding], counts: dict[str, int]) -> None:
    import sys

    from cerebelum.engine.domain.terminal_text import visible
    from cerebelum_cli.output import coloured, is_terminal
    from cerebelum_cli.streams import out

    width = max(len(finding.name) for finding in found)
    for finding in found:
        if not is_terminal(sys.stdout):
            cells = (finding.name, finding.state, finding.found, finding.remedy)
            out("\t".join(visible(cell, keep_newlines=False) for cell in cells))
            continue
        mark = coloured(f"{_MARKS[finding.state]} {finding.state:<7}", _COLOURS[finding.state], sys.stdout)
        out(f"{mark}  {finding.name:<{width}}  {visible(finding.found, keep_newlines=False)}")
        if finding.remedy and finding.state != "ok":
            out(f"{'':<{width + 13}}help: {visible(finding.remedy, keep_newlines=False)}")
    if is_terminal(sys.stdout):
        out(", ".join(f"{number} {state}{'s' * (number != 1)}" for state, number in counts.items() if state != "ok"))


def _print_data(found: list[Finding], format_: Format, *, is_well: bool) -> None:
    from cerebelum_cli.output import print_json, print_json_line
    from cerebelum_cli.streams import out

    checks: list[dict[str, Any]] = [finding._asdict() for finding in found]
    if format_ is Format.json:
        print_json({"schema": "cerebelum.doctor/1", "well": is_well, "checks": checks})
        return
    for check in checks:
        if format_ is Format.jsonl:
            print_json_line({"schema": "cerebelum.check/1", **check})
        else:
            out(check["name"])
