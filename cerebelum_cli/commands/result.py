"""`result` and `wait`: how an execution ended, or when it will have."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, ReadId, StoreOption, TimeoutOption, chosen
from cerebelum_cli.streams import out

_EXIT_CODES = {"completed": 0, "failed": 1, "cancelled": 8}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(result)
    app.command()(wait)


def result(
    execution_id: ReadId,
    wait_for_it: Annotated[bool, typer.Option("--wait", help="Wait for the end.")] = False,
    timeout: TimeoutOption = None,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Print the result of an execution, as JSON.

    Exit codes: 0 completed, 1 failed, 5 it has not ended, 7 timed out, 8 cancelled.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    waits = wait_for_it or timeout is not None
    run_async(_result(store_url(store), execution_id, waits, timeout, chosen(output, as_json)))


async def _result(url: str, text: str, waits: bool, timeout_s: float | None, output: Format) -> None:
    from cerebelum.engine.application.query import get_execution, resolve_id
    from cerebelum.engine.application.result import final_event
    from cerebelum_cli.composition import reading
    from cerebelum_cli.errors import StillOpen
    from cerebelum_cli.outcome import print_result
    from cerebelum_cli.shapes import of_state

    async with reading(url) as engine:
        execution_id = await resolve_id(engine, text)
        row = (await get_execution(engine, execution_id)).row
        if not row.ended and not waits:
            raise StillOpen(execution_id, row.status)
        ended_id, final = await final_event(engine, execution_id, timeout_s=timeout_s)
        whole: dict[str, Any] | None = None
        if output in (Format.json, Format.jsonl):
            view = await get_execution(engine, ended_id)
            whole = of_state(view.row, view.state)
        if output is Format.ids:
            out(ended_id)
            raise typer.Exit(_EXIT_CODES[(await get_execution(engine, ended_id)).state.status])
        await print_result(engine, ended_id, final, whole=whole)


def wait(
    execution_id: ReadId,
    timeout: TimeoutOption = None,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Wait until an execution has ended, and say how.

    Exit codes: 0 completed, 1 failed, 7 timed out, 8 cancelled.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    status = run_async(_wait(store_url(store), execution_id, timeout, chosen(output, as_json)))
    raise typer.Exit(_EXIT_CODES[status])


async def _wait(url: str, text: str, timeout_s: float | None, output: Format) -> str:
    from cerebelum.engine.application.cluster import who_runs
    from cerebelum.engine.application.query import get_execution, resolve_id
    from cerebelum.engine.application.result import final_event
    from cerebelum_cli.composition import reading
    from cerebelum_cli.output import print_json, say
    from cerebelum_cli.shapes import of_state

    async with reading(url) as engine:
        execution_id = await resolve_id(engine, text)
        row = (await get_execution(engine, execution_id)).row
        problem = None if row.ended else await who_runs(engine, row.workflow)
        if problem is not None:
            say(f"waiting, but {problem}\n  help: run it here: cerebelum run --resume {execution_id}")
        ended_id, _ = await final_event(engine, execution_id, timeout_s=timeout_s)
        view = await get_execution(engine, ended_id)
    if output in (Format.json, Format.jsonl):
        print_json(of_state(view.row, view.state))
    elif output is Format.ids:
        out(ended_id)
    else:
        out(f"{ended_id}\t{view.state.status}")
    return view.state.status
