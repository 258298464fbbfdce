"""`init`: begin a project from a template: a flow, its tests, its settings, and a page that says what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, chosen

if TYPE_CHECKING:
    from pathlib import Path

    from cerebelum_cli.projects import Template, Written


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(init)


def init(
    folder: Annotated[
        str | None, typer.Argument(metavar="[FOLDER]", help="Where; it is made if need be.  [default: this folder]")
    ] = None,
    template: Annotated[
        str | None, typer.Option("--template", "-t", metavar="NAME", help="Which project.  [default: basic]")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the templates, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Begin a project from a template, and say what to type next. No file that is there is replaced without --force.

    Exit codes: 0 written, 2 it cannot be written there, 3 no such template, 5 files are there already.
    """
    from pathlib import Path

    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.output import say
    from cerebelum_cli.projects import DEFAULT_TEMPLATE, load_template, template_names, write_project

    format_ = chosen(output, as_json)
    if list_:
        if folder is not None or template is not None or force:
            raise UsageProblem("--list writes nothing, so it stands alone", help_="cerebelum init --list")
        _print_templates([load_template(name) for name in template_names()], format_)
        return
    if folder is not None and not folder.strip():
        raise UsageProblem("FOLDER is empty", help_="cerebelum init FOLDER")
    found = load_template(DEFAULT_TEMPLATE if template is None else template)
    where = Path(folder or ".")
    written = write_project(found, where, force=force)
    if format_ in (Format.json, Format.jsonl):
        _print_project(found, where, written, format_)
        return
    _print_files(where, written, format_)
    say("\nnext:" + "".join(f"\n  {line}" for line in _next(found, where)))
    if template is None and folder in template_names() and folder != DEFAULT_TEMPLATE:
        say(f"\nnote: {folder!r} became a folder; for the template: cerebelum init FOLDER --template {folder}")


def _print_templates(templates: list[Template], format_: Format) -> None:
    from cerebelum_cli.output import print_rows
    from cerebelum_cli.projects import without_comment

    rows = [
        (
            {
                "schema": "cerebelum.template/1", "name": found.name, "purpose": found.purpose,
                "files": list(found.files), "commands": [without_comment(line) for line in found.commands],
            },
            (found.name, found.purpose),
        )
        for found in templates
    ]  # fmt: skip
    print_rows(format_, rows, ("TEMPLATE", "PURPOSE"), id_key="name")


def _print_files(folder: Path, written: Written, format_: Format) -> None:
    from cerebelum_cli.output import print_rows

    states = {**dict.fromkeys(written.new, "new"), **dict.fromkeys(written.replaced, "replaced")}
    rows = []
    for path, state in sorted(states.items()):
        shown = str(folder / path)
        rows.append(({"path": shown, "state": state}, (shown, state)))
    print_rows(format_, rows, ("FILE", "STATE"), id_key="path")


def _print_project(template: Template, folder: Path, written: Written, format_: Format) -> None:
    from cerebelum_cli.output import print_json, print_json_line
    from cerebelum_cli.projects import without_comment

    shape = {
        "schema": "cerebelum.project/1",
        "template": template.name,
        "folder": str(folder),
        "new": list(written.new),
        "replaced": list(written.replaced),
        "next": [without_comment(line) for line in _next(template, folder)],
    }
    (print_json if format_ is Format.json else print_json_line)(shape)


def _next(template: Template, folder: Path) -> list[str]:
    import shlex

    there = [] if str(folder) == "." else [f"cd {shlex.quote(str(folder))}"]
    return [*there, *template.commands]
