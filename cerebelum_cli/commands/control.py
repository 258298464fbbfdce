"""`signal`, `cancel`, `pause`, `resume`: each takes a whole id and prints it; durable when the command returns."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, WholeId, chosen
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.domain.execution import ExecutionRow

Reason = Annotated[str, typer.Option("--reason", help="Kept in the history.")]
_PAYLOAD_HELP = "The payload: JSON, @file or - for stdin."


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (signal, cancel, pause, resume):
        app.command()(command)


def signal(
    execution_id: WholeId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The signal the workflow waits for.")],
    payload: Annotated[str | None, typer.Argument(metavar="[JSON]", help=_PAYLOAD_HELP)] = None,
    json_payload: Annotated[str | None, typer.Option("--json", metavar="JSON|@FILE|-", help=_PAYLOAD_HELP)] = None,
    key: Annotated[str, typer.Option("--key", help="The same key is delivered once, however often it is sent.")] = "",
    store: StoreOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Send a signal; it is kept until the workflow waits for it.

    Exit codes: 0 stored, 2 not JSON, 3 no such execution, 5 it has ended.
    """
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.inputs import read_json

    if payload is not None and json_payload is not None:
        raise UsageProblem("the payload was given twice", help_="cerebelum signal ID NAME --json '{\"ok\": true}'")
    text = payload if payload is not None else json_payload
    value = None if text is None else read_json(text, what=f"payload of signal {name!r}")

    async def act(engine: Engine, row: ExecutionRow) -> str:
        from cerebelum.engine.application import control

        new = await control.signal(engine, row.id, name, value, sender=_me(), key=key)
        await _tell_other_waits(engine, row.id, name)
        return f"signal {name!r} sent" if new else f"signal with key {key!r} was sent before, and is delivered once"

    _do(store, "signal", execution_id, act, output)


async def _tell_other_waits(engine: Engine, execution_id: str, name: str) -> None:
    """Say so when it waits for a signal of another name: most often the name was mistyped."""
    from cerebelum.engine.application.query import get_execution
    from cerebelum_cli.output import say

    state = (await get_execution(engine, execution_id)).state
    awaited = sorted({wait.name for wait in state.open.values() if wait.kind == "signal"})
    if awaited and name not in awaited:
        names = ", ".join(map(repr, awaited))
        say(f"it waits for {names} now; {name!r} is kept until the workflow asks for it")


def cancel(
    execution_id: WholeId, reason: Reason = "", store: StoreOption = None,
    output: OutputOption = Format.text, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Ask an execution to stop: running steps are stopped, and what was done is undone where it says how.

    Exit codes: 0 asked, 3 no such execution, 5 it has ended.
    """

    async def act(engine: Engine, row: ExecutionRow) -> str:
        from cerebelum.engine.application import control

        await control.cancel(engine, row.id, reason=reason, by=_me())
        return "cancel requested"

    _do(store, "cancel", execution_id, act, chosen(output, as_json))


def pause(
    execution_id: WholeId, reason: Reason = "", store: StoreOption = None,
    output: OutputOption = Format.text, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Let running steps finish, and begin no further one until `resume`.

    Exit codes: 0 asked, 3 no such execution, 5 it has ended or is paused already.
    """

    async def act(engine: Engine, row: ExecutionRow) -> str:
        from cerebelum.engine.application import control

        await control.pause(engine, row.id, reason=reason, by=_me())
        return "pause requested"

    _do(store, "pause", execution_id, act, chosen(output, as_json))


def resume(
    execution_id: WholeId,
    data: Annotated[str | None, typer.Option("--data", metavar="JSON|@FILE|-", help="What `info().resume_data` reads.")] = None,
    store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Go on: a paused execution with its next step, a sleeping one at once.

    Exit codes: 0 asked, 3 no such execution, 5 it has ended.
    """
    from cerebelum_cli.inputs import read_json

    value = None if data is None else read_json(data, what="--data")

    async def act(engine: Engine, row: ExecutionRow) -> str:
        from cerebelum.engine.application import control

        await control.resume(engine, row.id, data=value, by=_me())
        return "resume requested"

    _do(store, "resume", execution_id, act, chosen(output, as_json))


def _do(store: str | None, verb: str, execution_id: str, act: Any, output: Format) -> None:
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import print_json, say
    from cerebelum_cli.settings import store_url

    row, told, problem = run_async(_acted(store_url(store), verb, execution_id, act))
    if output is Format.ids:
        out(row.id)
    elif output is Format.text:
        out(f"{told}: {row.id}")
    else:
        print_json({"schema": "cerebelum.request/1", "request": verb, "execution_id": row.id, "done": told})
    if problem is not None:
        say(f"queued; {problem}\n  help: cerebelum run --resume {row.id}")


async def _acted(url: str, verb: str, execution_id: str, act: Any) -> tuple[ExecutionRow, str, str | None]:
    from cerebelum.engine.application.cluster import who_runs
    from cerebelum_cli.composition import opened

    async with opened(url) as engine:
        row = await exact(engine, verb, execution_id)
        told = await act(engine, row)
        return row, told, await who_runs(engine, row.workflow)


async def exact(engine: Engine, verb: str, text: str) -> ExecutionRow:
    """Return the row of a whole id; a beginning of one is refused, and the whole one is named."""
    from cerebelum.engine.application import query
    from cerebelum.engine.domain.errors import AmbiguousId, ExecutionNotFound

    row = await engine.store.get_execution(text)
    if row is not None:
        return row
    whole = f"        `{verb}` changes something, so it takes a whole id"
    try:
        meant = await query.resolve_id(engine, text)
    except AmbiguousId as ambiguous:
        ambiguous.add_note(whole)
        raise
    found = await engine.store.get_execution(meant)
    refused = ExecutionNotFound(text, store=engine.store.name, similar=(f"{meant} ({found.status if found else '?'})",))
    refused.add_note(f"{whole}: cerebelum {verb} {meant}")
    raise refused


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
