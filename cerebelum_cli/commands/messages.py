"""`query` and `update`: ask a workflow, or have it do something and answer."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from cerebelum_cli.options import ReadId, StoreOption, WholeId

_JSON = typer.Option(
    "--json", metavar="JSON|@FILE|-", help="Arguments: an object by name, an array by position, or one value."
)
_ArgumentsOption = Annotated[str | None, _JSON]
_DEFAULT_TIMEOUT_S = 60.0


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(query)
    app.command()(update)


def query(
    execution_id: ReadId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in the workflow's on_query(NAME, …).")],
    arguments: _ArgumentsOption = None,
    store: StoreOption = None,
) -> None:
    """Ask a workflow about its state, and print the answer as JSON; also after its end. Nothing is recorded.

    Its history is replayed here, on the code that ran.

    Exit codes: 0 answered, 1 the query failed, 3 no such execution or query, 4 the code does not fit the history.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    args, kwargs = _arguments(arguments, f"arguments of query {name!r}")
    run_async(_query(store_url(store), execution_id, name, args, kwargs))


async def _query(url: str, text: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    from cerebelum.engine.application.messages import ask
    from cerebelum.engine.application.query import resolve_id
    from cerebelum_cli.composition import reading
    from cerebelum_cli.output import print_json

    async with reading(url) as engine:
        print_json(await ask(engine, await resolve_id(engine, text), name, args, kwargs))


def update(
    execution_id: WholeId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in the workflow's on_update(NAME, …).")],
    arguments: _ArgumentsOption = None,
    key: Annotated[str, typer.Option("--key", help="The same key is carried out once, and has one outcome.")] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", min=0, metavar="SECONDS", help="Wait no longer than this; then exit 7.")
    ] = _DEFAULT_TIMEOUT_S,
    store: StoreOption = None,
) -> None:
    """Have a workflow carry out an update, and print its answer as JSON.

    Exit codes: 0 done, 1 its handler failed, 3 no such execution, 5 refused, or it has ended, 7 no outcome in time.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    args, kwargs = _arguments(arguments, f"arguments of update {name!r}")
    run_async(_update(store_url(store), execution_id, name, args, kwargs, key, timeout))


async def _update(
    url: str, text: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], key: str, timeout_s: float
) -> None:
    from cerebelum.engine.application import messages
    from cerebelum.engine.application.cluster import who_runs
    from cerebelum_cli.commands.control import exact
    from cerebelum_cli.composition import opened
    from cerebelum_cli.output import print_json, say

    async with opened(url) as engine:
        row = await exact(engine, "update", text)
        problem = None if row.ended else await who_runs(engine, row.workflow)
        if problem is not None:
            say(f"waiting, but {problem}\n  help: run it here: cerebelum run --resume {row.id}")
        answer = await messages.update(
            engine, row.id, name, args, kwargs, key=key, sender=_me(), timeout_s=timeout_s
        )  # fmt: skip
        print_json(answer)


def _arguments(source: str | None, what: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if source is None:
        return (), {}
    from cerebelum_cli.inputs import read_json

    value = read_json(source, what=what)
    if isinstance(value, dict):
        return (), value
    return (tuple(value), {}) if isinstance(value, list) else ((value,), {})


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
