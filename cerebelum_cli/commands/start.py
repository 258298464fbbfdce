"""`start`: hand an execution to whichever engine runs its workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.commands.run_flow import ChosenId, IfExists, IfExistsOption, InputPairs, WholeInput
from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.application.start import StartOptions


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(start)


def start(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A workflow that was registered in this store.")],
    pairs: InputPairs = None,
    whole: WholeInput = None,
    execution_id: ChosenId = None,
    if_exists: IfExistsOption = IfExists.fail,
    queue: Annotated[str | None, typer.Option("--queue", help="The lane it runs in.")] = None,
    priority: Annotated[int, typer.Option("--priority", help="A higher one begins first.")] = 0,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Not before this instant: 2026-12-24T18:00:00Z.")
    ] = None,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Hand an execution of a known workflow to a running engine, and print its id at once.

    Its code is not loaded here, so -i gives JSON where the text is JSON: quote a text of digits, -i 'zip="94107"'.
    Exit codes: 0 stored, 3 no such workflow, 5 the id is taken.
    """
    from cerebelum.engine.application.start import StartOptions
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.inputs import untyped_arguments
    from cerebelum_cli.settings import store_url

    arguments = untyped_arguments(pairs or [], whole)
    options = StartOptions(
        id=execution_id, if_exists=if_exists.value, queue=queue, priority=priority, scheduled_at_us=_instant(at)
    )
    run_async(_start(store_url(store), name, arguments, options, chosen(output, as_json)))


async def _start(url: str, name: str, arguments: dict[str, object], options: StartOptions, output: Format) -> None:
    from cerebelum.engine.application import start as use_case
    from cerebelum_cli.composition import opened

    async with opened(url) as engine:
        started = await use_case.start(engine, name, (), arguments, options)
        await print_started(
            engine, started.execution_id, name, output, existed=started.existed,
            otherwise=f"cerebelum run --resume {started.execution_id}",
        )  # fmt: skip


async def print_started(
    engine: Engine, execution_id: str, workflow: str, output: Format, *, otherwise: str, existed: bool = False
) -> None:
    """Print the id, and say at once if nobody can run it; `otherwise` is the command that does."""
    from cerebelum.engine.application.cluster import who_runs
    from cerebelum.engine.application.query import get_execution
    from cerebelum_cli.output import print_json, say
    from cerebelum_cli.shapes import of_row

    if output in (Format.json, Format.jsonl):
        view = await get_execution(engine, execution_id)
        print_json({**of_row(view.row), "existed": existed})
    else:
        out(execution_id)
    if existed:
        say("  it was there already; this input is not used")
    problem = await who_runs(engine, workflow)
    if problem is not None:
        say(f"queued; {problem}\n  help: run it here: {otherwise}, or start a node: cerebelum worker FLOW.py")


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    from datetime import datetime

    from cerebelum.engine.domain.durations import instant_us
    from cerebelum_cli.errors import UsageProblem

    try:
        return instant_us(datetime.fromisoformat(text), what="--at")
    except ValueError:
        raise UsageProblem(f"--at {text!r} is not an instant", help_="--at 2026-12-24T18:00:00Z") from None
