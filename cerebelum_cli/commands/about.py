"""`explain`, `version`, `completion`: what the command says about itself."""

from __future__ import annotations

import os
import re
from importlib import resources
from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, chosen

if TYPE_CHECKING:
    from cerebelum.engine.runtime.code.lint.finding import Rule

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
    """Return code -> its section, heading included: those of the page on errors, and the linter's rules."""
    page = resources.files("cerebelum_cli").joinpath("errors.md").read_text(encoding="utf-8")
    starts = list(_HEADING.finditer(page))
    ends = [match.start() for match in starts[1:]] + [len(page)]
    sections = {match[1]: page[match.start() : end] for match, end in zip(starts, ends, strict=True)}
    return dict(sorted((sections | _rule_sections()).items()))


def _rule_sections() -> dict[str, str]:
    from cerebelum.engine.runtime.code.lint.finding import RULES

    return {
        rule.code: (
            f"## {rule.code} {rule.name}\n\nFound by `cerebelum check` ({rule.level}): {rule.why}.\n\n"
            f"What to do: {rule.fix}.{_silence(rule)}\n\n"
            f"Exit code {4 if rule.level == 'error' else 0}.\n\n"
        )
        for rule in RULES.values()
    }


def _silence(rule: Rule) -> str:
    return (
        "" if rule.level == "note" else f" Where it is right as it is, end the line with `# cb: ignore[{rule.code}]`."
    )


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
