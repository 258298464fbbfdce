"""`list` and `show`: executions, and one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, ReadId, StoreOption, chosen
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.application.query import ExecutionView
    from cerebelum.engine.domain.execution import ExecutionRow
    from cerebelum.engine.domain.projection import ExecutionState, StepState

_COLUMNS = ("ID", "WORKFLOW", "STATUS", "STEP", "STARTED", "TOOK", "ERROR")
_LEAST = ("ERROR", "STARTED", "STEP", "TOOK")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(name="list")(list_executions)
    app.command()(show)


def list_executions(
    workflow: Annotated[str | None, typer.Option("--workflow", help="Of this workflow.")] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", metavar="STATUS", help="In this status; may be given several times.")
    ] = None,
    step: Annotated[str | None, typer.Option("--step", help="Standing in this step.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most, newest first.")] = 50,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """List executions, newest first."""
    from cerebelum.engine.ports.store import ExecutionFilter
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import is_terminal, print_rows, say
    from cerebelum_cli.settings import shown_store, store_url
    from cerebelum_cli.shapes import of_row

    url, format_ = store_url(store), chosen(output, as_json)
    query = ExecutionFilter(workflow=workflow, statuses=_statuses(status), current_step=step, limit=limit)
    rows = run_async(_rows(url, query))
    count = print_rows(format_, ((of_row(row), _cells(row)) for row in rows), _COLUMNS, id_key="id", least=_LEAST)
    import sys

    if format_ is Format.text and is_terminal(sys.stdout):
        if not count:
            narrowed = " that fit" if workflow or status or step else ""
            say(f"no executions{narrowed} in {shown_store(url)}; begin one: cerebelum run FLOW.py")
        elif count == limit:
            say(f"the newest {limit}; more: --limit {limit * 10}")


async def _rows(url: str, query: Any) -> list[ExecutionRow]:
    from cerebelum_cli.composition import reading_store

    async with reading_store(url) as store:
        return await store.list_executions(query)


def _statuses(names: list[str] | None) -> list[Any]:
    from cerebelum.engine.domain.execution import OPEN, STATUSES
    from cerebelum_cli.errors import UsageProblem

    found: list[Any] = []
    for name in (part for text in names or [] for part in text.split(",")):
        if name == "open":
            found += OPEN
        elif name in STATUSES:
            found.append(name)
        else:
            raise UsageProblem(f"no status {name!r}", help_=f"--status, one of {', '.join(STATUSES)}, open")
    return found


def _cells(row: ExecutionRow) -> list[str]:
    from cerebelum.engine.runtime.masking import mask_text
    from cerebelum_cli.words import clock, duration, versioned

    took = ""
    if row.started_at_us is not None and row.completed_at_us is not None:
        took = duration(row.completed_at_us - row.started_at_us)
    error = mask_text(row.error or "")
    return [
        row.id, versioned(row.workflow, row.code), row.status, row.current_step or "", clock(row.started_at_us), took,
        error if len(error) <= 80 else f"{error[:79]}…",
    ]  # fmt: skip


def show(
    execution_id: ReadId,
    steps: Annotated[bool, typer.Option("--steps", help="With each step and its attempts.")] = False,
    at: Annotated[int | None, typer.Option("--at", min=1, metavar="N", help="As it was after event N.")] = None,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Show an execution: its status, input, result or error, and what it waits for."""
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import print_json
    from cerebelum_cli.settings import store_url
    from cerebelum_cli.shapes import of_state

    view = run_async(_view(store_url(store), execution_id, at))
    format_ = chosen(output, as_json)
    if format_ is Format.ids:
        out(view.row.id)
    elif format_ is Format.text:
        _print_view(view, with_steps=steps)
    else:
        print_json(of_state(view.row, view.state))


async def _view(url: str, text: str, at: int | None) -> ExecutionView:
    from cerebelum.engine.application import query as use_case
    from cerebelum.engine.domain.projection import reconstruct
    from cerebelum_cli.composition import reading
    from cerebelum_cli.errors import EventNotFound

    async with reading(url) as engine:
        execution_id = await use_case.resolve_id(engine, text)
        view = await use_case.get_execution(engine, execution_id)
        if at is None:
            return view
        if at > view.state.version:
            raise EventNotFound(execution_id, at, view.state.version)
        prefix = await use_case.history(engine, execution_id, to_version=at)
        return use_case.ExecutionView(view.row, reconstruct(execution_id, prefix), view.logs)


def _print_view(view: ExecutionView, *, with_steps: bool) -> None:
    import sys

    from cerebelum.engine.domain.copies import is_copy
    from cerebelum.engine.runtime.rendering import mask_json
    from cerebelum_cli.output import coloured
    from cerebelum_cli.words import clock, duration, masked, shown, versioned

    state = view.state
    # nothing but its row is known while it is pending
    workflow = versioned(state.workflow or view.row.workflow, state.code or view.row.code)
    out(f"{state.execution_id}  {_safe(workflow)}  {coloured(state.status, state.status, sys.stdout)}")
    last = view.row.last_version
    _fact("events", f"{state.version}" if state.version >= last else f"{state.version} of {last}")
    if state.started_us is not None:
        took = "" if state.ended_us is None else f"  took {duration(state.ended_us - state.started_us)}"
        _fact("started", f"{clock(state.started_us)}{took}")
    elif view.row.scheduled_at_us is not None:
        _fact("scheduled", clock(view.row.scheduled_at_us))
    if view.row.parent:
        _fact("parent", view.row.parent)
    if state.forked_from:
        _fact(
            "fork of",
            f"{state.forked_from}  at event {state.forked_at}    cerebelum diff {state.forked_from} {state.execution_id}",
        )
        for edit in state.fork.edits if state.fork is not None else ():
            _fact("changed", _safe(edit))
    _fact("input", shown(masked(state.input)))
    if state.result is not None:
        _fact("result", shown(masked(state.result)))
    if state.patches:
        _fact("context", shown(mask_json(state.context.as_dict())))
    if state.reason:
        _fact("reason", _safe(state.reason))
    if state.continued_as:
        _fact("continued", state.continued_as)
    if is_copy(view.row):
        _fact("copy", "imported to be looked at; it never runs here")
    else:
        _print_waits(state)
    if with_steps:
        _print_steps(list(state.steps.values()))
    if state.error is not None:
        _print_error(state)


def _print_waits(state: ExecutionState) -> None:
    from cerebelum_cli.story import input_command, signal_command
    from cerebelum_cli.words import clock

    for step in state.open_steps:
        _fact("running", f"{_safe(step.place or step.name)}  attempt {step.attempts[-1].attempt}  {_safe(step.line)}")
    for wait in state.open.values():
        until = "" if wait.due_us is None else f" until {clock(wait.due_us)}"
        _fact("waiting", f"{wait.kind} {_safe(wait.name)}{until}  {_safe(wait.line)}")
        if wait.kind == "signal":
            _fact("", _safe(signal_command(state.execution_id, wait.name)))
        elif wait.kind == "input":
            prompt = state.inputs[wait.number].prompt
            if prompt:
                _fact("", _safe(prompt))
            _fact("", _safe(input_command(state.execution_id, wait.name)))
    if state.status == "paused":
        _fact("", f"cerebelum resume {state.execution_id}")


def _print_steps(steps: list[StepState]) -> None:
    from cerebelum.engine.runtime.masking import mask_text
    from cerebelum_cli.words import duration, masked, shown

    marks = {"completed": "✓", "failed": "✗", "cancelled": "⊘", "waiting": "↻", "running": "▶"}
    out("  steps")
    for step in steps:
        last = step.attempts[-1]
        took = "" if last.ended_us is None else duration(last.ended_us - last.started_us)
        out(
            f"    {marks[step.status]} {step.number:>3} {_safe(step.place or step.name):<16} {took:>7}  {_safe(step.line)}"
        )
        if step.args and bytes(step.args) != b"{}":
            out(f"          input   {shown(masked(step.args), limit=160)}")
        if step.result is not None:
            out(f"          result  {shown(masked(step.result), limit=160)}")
        for attempt in step.attempts:
            if attempt.error is not None:
                text = mask_text(f"{attempt.error.name}: {attempt.error.message}")
                out(f"          attempt {attempt.attempt} failed: {_safe(text)}")


def _print_error(state: ExecutionState) -> None:
    from cerebelum.engine.domain.terminal_text import visible
    from cerebelum.engine.runtime.masking import mask_text

    assert state.error is not None
    _fact("error", _safe(mask_text(f"{state.error.name}: {state.error.message}")))
    if state.error.traceback:
        out("\n".join(f"    {line}" for line in visible(mask_text(state.error.traceback)).rstrip().split("\n")))
    _fact("see", f"cerebelum replay {state.execution_id}    cerebelum logs {state.execution_id}")


def _fact(name: str, text: str) -> None:
    out(f"  {name:<9} {text}")


def _safe(text: str) -> str:
    from cerebelum.engine.domain.terminal_text import visible

    return visible(text, keep_newlines=False)
