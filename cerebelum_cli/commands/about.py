"""`explain`, `version`, `completion`: what the command says about itself."""

from __future__ import annotations

import os
import re
from importlib import resources
from typing import Annotated

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, chosen

_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
_COMPLETE = "_CEREBELUM_COMPLETE"
_HEADING = re.compile(r"^## (CB\d{3})\b.*$", re.MULTILINE)


def print_version() -> None:
    """Print name and version, and end."""
    typer.echo(f"cerebelum {_version()}")
    raise SystemExit(0)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(explain)
    app.command()(version)
    app.command()(completion)


def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="As in error[CB301], or `definition`; none: list them all.")
    ] = None,
) -> None:
    """Explain an error's code: what happened, and what to do; `definition`: the JSON schema of flows as data."""
    if code is not None and code.strip().lower() == "definition":
        from cerebelum.engine.authoring.definitions.schema import schema_text

        typer.echo(schema_text().rstrip())
        return
    sections = error_sections()
    if code is None:
        for text in sections.values():
            typer.echo(text.partition("\n")[0].removeprefix("## "))
        return
    from cerebelum_cli.errors import UnknownCode

    found = sections.get(code.strip().upper().removeprefix("ERROR").strip("[]:"))
    if found is None:
        raise UnknownCode(code)
    typer.echo(found.removeprefix("## ").rstrip())


def error_sections() -> dict[str, str]:
    """Return code -> its section of the page on errors, heading included."""
    page = resources.files("cerebelum_cli").joinpath("errors.md").read_text(encoding="utf-8")
    starts = list(_HEADING.finditer(page))
    ends = [match.start() for match in starts[1:]] + [len(page)]
    return {match[1]: page[match.start() : end] for match, end in zip(starts, ends, strict=True)}


def version(output: OutputOption = Format.text, as_json: JsonOption = False) -> None:
    """Print the versions of cerebelum, Python and SQLite."""
    import platform
    import sqlite3

    facts = {
        "cerebelum": _version(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(),
    }
    if chosen(output, as_json) is not Format.text:
        from cerebelum_cli.output import print_json

        print_json({"schema": "cerebelum.version/1", **facts})
        return
    for name, text in facts.items():
        typer.echo(f"{name:<10} {text}")


def completion(
    ctx: typer.Context,
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh, fish, powershell or pwsh.")],
) -> None:
    """Print the completion script of a shell; `cerebelum --install-completion` installs it."""
    from cerebelum_cli.errors import UsageProblem

    if shell not in _SHELLS:
        raise UsageProblem(f"no completion for shell {shell!r}", help_=f"one of {', '.join(_SHELLS)}")
    os.environ[_COMPLETE] = f"source_{shell}"  # how shells ask typer for it
    try:
        ctx.find_root().command.main(args=[], prog_name="cerebelum", complete_var=_COMPLETE)
    finally:
        del os.environ[_COMPLETE]


def _version() -> str:
    import cerebelum

    return cerebelum.__version__
