"""`tree`: an execution with its children, and theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, ReadId, StoreOption, chosen

if TYPE_CHECKING:
    from cerebelum.engine.application.family import Branch, Kin

_COLUMNS = ("ID", "WORKFLOW", "STATUS", "STEP", "TOOK", "ERROR")
_LEAST = ("ERROR", "STEP", "TOOK")
_ERROR_CHARS = 80


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(tree)


def tree(
    execution_id: ReadId,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many executions at most.")] = 1_000,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Show an execution with its children, and theirs, each with its status.

    Exit codes: 0 shown, 3 no such execution.
    """
    import sys

    from cerebelum.engine.application.family import branches
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import is_terminal, print_json, print_rows, say
    from cerebelum_cli.settings import store_url
    from cerebelum_cli.shapes import of_row

    root, format_ = run_async(_family(store_url(store), execution_id, limit)), chosen(output, as_json)
    lines = list(branches(root))
    if format_ is Format.json:
        print_json(_nested(lines))
        return
    guided = is_terminal(sys.stdout)
    print_rows(
        format_,
        (({**of_row(each.kin.row), "depth": each.depth}, _cells(each, guided=guided)) for each in lines),
        _COLUMNS, id_key="id", least=_LEAST,
    )  # fmt: skip
    if any(each.kin.is_cut for each in lines):
        say(f"there are more; the first {limit} are shown: --limit {min(100_000, limit * 10)}")


async def _family(url: str, text: str, limit: int) -> Kin:
    from cerebelum.engine.application.family import family
    from cerebelum.engine.application.query import resolve_id
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        return await family(engine, await resolve_id(engine, text), most=limit)


def _nested(lines: list[Branch]) -> dict[str, Any]:
    """Return the tree as objects within objects."""
    from cerebelum_cli.shapes import of_row

    shapes = {each.kin.row.id: {**of_row(each.kin.row), "children": [], "cut": each.kin.is_cut} for each in lines}
    for each in lines:
        shapes[each.kin.row.id]["children"] = [shapes[child.row.id] for child in each.kin.children]
    return shapes[lines[0].kin.row.id]


def _cells(branch: Branch, *, guided: bool) -> list[str]:
    from cerebelum.engine.domain.words import duration, versioned
    from cerebelum.engine.runtime.masking import mask_text

    row = branch.kin.row
    took = ""
    if row.started_at_us is not None and row.completed_at_us is not None:
        took = duration(row.completed_at_us - row.started_at_us)
    error = mask_text(row.error or "")
    return [
        f"{branch.guides if guided else ''}{row.id}", versioned(row.workflow, row.code), row.status,
        row.current_step or "", took, error if len(error) <= _ERROR_CHARS else f"{error[: _ERROR_CHARS - 1]}…",
    ]  # fmt: skip
