"""`run`: register a flow, start it, and be its node until it ends."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, TimeoutOption, chosen
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.domain.execution import ExecutionRow
    from cerebelum_cli.flows import ChosenFlow
    from cerebelum_cli.following import Ended, Follower
    from cerebelum_cli.inputs import Arguments
    from cerebelum_cli.live import View


class IfExists(Enum):
    """What to do when the id is taken."""

    fail = "fail"
    use = "use"
    replace = "replace"


InputPairs = Annotated[
    list[str] | None,
    typer.Option(
        "-i", metavar="NAME=VALUE", help="An argument: JSON if it is JSON and fits the annotation, else text."
    ),
]
WholeInput = Annotated[
    str | None, typer.Option("--input", metavar="JSON|@FILE|-", help="All arguments, as one JSON object.")
]
ChosenId = Annotated[str | None, typer.Option("--id", metavar="ID", help="An id of your own for the execution.")]
IfExistsOption = Annotated[IfExists, typer.Option("--if-exists", help="When that id is taken.")]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(name="run")(run_flow)


def run_flow(
    target: Annotated[
        str | None, typer.Argument(metavar="FLOW.py[:name]", help="The file, and the workflow if it has several.")
    ] = None,
    pairs: InputPairs = None,
    whole: WholeInput = None,
    execution_id: ChosenId = None,
    if_exists: IfExistsOption = IfExists.fail,
    detach: Annotated[
        bool, typer.Option("--detach", help="Store it and return; whichever node knows the workflow runs it.")
    ] = False,
    timeout: TimeoutOption = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="ID", help="Go on with an execution that was begun before.")
    ] = None,
    stored_code: Annotated[
        bool,
        typer.Option("--allow-stored-code", help="With --resume: run the source in the store, if its file is gone."),
    ] = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Run a workflow here until it ends, and print its result as JSON.

    Ctrl-C detaches: the execution keeps its place, and `cerebelum run --resume ID` goes on.
    Exit codes: 0 completed, 1 failed, 7 timed out (it goes on when resumed), 8 cancelled, 9 the flow does not load.
    """
    from cerebelum_cli.composition import codec, run_async
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.flows import load_target
    from cerebelum_cli.inputs import typed_arguments
    from cerebelum_cli.settings import store_url

    if target is None and resume is None:
        raise UsageProblem("which flow?", help_="cerebelum run FLOW.py, or cerebelum run --resume ID")
    if resume is not None and (pairs or whole is not None or execution_id is not None or detach):
        raise UsageProblem(
            "--resume goes on with what was begun: -i, --input, --id and --detach have no place beside it",
            help_=f"cerebelum run --resume {resume}",
        )
    url = store_url(store)
    flow = load_target(target, any_of_several=resume is not None) if target is not None else None
    arguments: Arguments = ((), {})
    if flow is not None and resume is None:
        arguments = typed_arguments(flow.definition, pairs or [], whole, codec())
    format_ = chosen(output, as_json)
    plan = _Plan(url, flow, arguments, execution_id, if_exists, detach, timeout, resume, stored_code, format_)
    raise typer.Exit(run_async(_run(plan), is_node=True))


class _Plan:
    def __init__(
        self, url: str, flow: ChosenFlow | None, arguments: Arguments, execution_id: str | None, if_exists: IfExists,
        detach: bool, timeout_s: float | None, resume: str | None, stored_code: bool, output: Format,
    ) -> None:  # fmt: skip
        self.url, self.stored_code = url, stored_code
        self.flow, self.arguments = flow, arguments
        self.execution_id, self.if_exists, self.detach = execution_id, if_exists, detach
        self.timeout_s, self.resume, self.output = timeout_s, resume, output


async def _run(plan: _Plan) -> int:
    from cerebelum_cli.composition import opened
    from cerebelum_cli.following import Follower
    from cerebelum_cli.interrupts import handled
    from cerebelum_cli.live import make_view
    from cerebelum_cli.settings import node_settings, settled

    settings = settled().settings
    view = make_view()
    follower = Follower(view)
    # On one's own machine the code in the store is one's own: an execution whose file was edited goes on as it began.
    own = plan.url.startswith(("sqlite:", "memory:"))
    with handled() as interrupts:
        interrupts.before_abort = view.close
        async with opened(
            plan.url, create=plan.resume is None, stop_within_s=settings.node.stop_within_s,
            settings=node_settings(settings, "pin" if own else "park", fires_schedules=False),
            allow_stored_code=own or plan.stored_code or settings.node.allow_stored_code, on_event=follower.on_event, on_trouble=follower.on_trouble,
        ) as engine:  # fmt: skip
            try:
                execution_id = await _begin(engine, plan, view)
                if plan.detach:
                    return await _hand_over(engine, execution_id, plan)
                work = follower.to_end(engine, execution_id, announce=lambda _: None)
                ended = await first(work, follower, interrupts.asked, plan.timeout_s)
                view.close()
                return await finish(
                    engine, execution_id, ended, output=plan.output, timeout_s=plan.timeout_s,
                    signal_exit_code=interrupts.exit_code,
                )  # fmt: skip
            finally:
                view.close()


async def _begin(engine: Engine, plan: _Plan, view: View) -> str:
    """Register, start or take up; return the id."""
    from cerebelum.engine.application.start import StartOptions, start
    from cerebelum.engine.domain.errors import ExecutionExists
    from cerebelum_cli.words import versioned

    if plan.resume is not None:
        return await _take_up(engine, plan, plan.resume, view)
    assert plan.flow is not None
    await plan.flow.register(engine)
    if not plan.detach:
        view.open()
        await engine.start_node()
    definition, (args, kwargs) = plan.flow.definition, plan.arguments
    options = StartOptions(id=plan.execution_id, if_exists=plan.if_exists.value)
    try:
        started = await start(engine, definition, args, kwargs, options)
    except ExecutionExists as taken:
        taken.add_note(f"        or go on with it: cerebelum run --resume {plan.execution_id}")
        raise
    view.line(f"{started.execution_id}  {versioned(definition.name, definition.code)}")
    if started.existed:
        view.line("  it was there already; this input is not used")
    return started.execution_id


async def _take_up(engine: Engine, plan: _Plan, text: str, view: View) -> str:
    from cerebelum.engine.application.query import get_execution, resolve_id
    from cerebelum.engine.domain.errors_bundle import CopyNeverEnds
    from cerebelum_cli.words import versioned

    found = await get_execution(engine, await resolve_id(engine, text))
    row = found.row
    if row.ended and found.state.ended_us is None:
        raise CopyNeverEnds(row.id)
    _check_resumed(plan, row.workflow)
    if not row.ended:
        await _register_for(engine, plan, row)
    view.open()
    view.line(f"{row.id}  {versioned(row.workflow, row.code)}")
    if row.ended:
        view.line(f"  it has ended already ({row.status}); nothing was run")
    else:
        await engine.start_node()
    return row.id


async def _register_for(engine: Engine, plan: _Plan, row: ExecutionRow) -> None:
    from cerebelum_cli.composition import project_of
    from cerebelum_cli.errors import FlowFileUnknown
    from cerebelum_cli.flows import find_flow, register_stored

    command = f"cerebelum run FLOW.py --resume {row.id}"
    try:
        flow = plan.flow or await find_flow(engine, row, help_=command, project=project_of(plan.url))
    except FlowFileUnknown as unknown:
        if not plan.stored_code:
            unknown.add_note(
                f"        or run what the store keeps of it: cerebelum run --resume {row.id} --allow-stored-code"
            )
            raise
        await register_stored(engine, row)
    else:
        await flow.register(engine)


def _check_resumed(plan: _Plan, workflow: str) -> None:
    from cerebelum_cli.errors import UsageProblem

    if plan.flow is not None and workflow not in {
        definition.name for definition in (plan.flow.definition, *plan.flow.flow.workflows, *plan.flow.flow.imported)
    }:
        raise UsageProblem(
            f"{plan.resume} is an execution of workflow {workflow!r}, which {plan.flow.flow.shown} does not have",
            help_=f"cerebelum run --resume {plan.resume}",
        )


async def _hand_over(engine: Engine, execution_id: str, plan: _Plan) -> int:
    from cerebelum_cli.commands.start import print_started

    assert plan.flow is not None
    await print_started(
        engine, execution_id, plan.flow.definition.name, plan.output,
        otherwise=f"cerebelum run {plan.flow.flow.shown} --resume {execution_id}",
    )  # fmt: skip
    return 0


async def first(
    work: Coroutine[Any, Any, Ended], follower: Follower, interrupted: asyncio.Event, timeout_s: float | None
) -> Ended | None:
    """Return how it ended, or None when its user or the clock was quicker.

    Raises:
        StoreError: the store refused commits for too long.
    """
    import asyncio

    following = asyncio.create_task(work)
    asked = asyncio.create_task(interrupted.wait())
    try:
        awaited: list[asyncio.Future[Any]] = [following, asked, follower.trouble]
        await asyncio.wait(awaited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            return following.result()
        if follower.trouble.done():
            raise follower.trouble.result()
        return None
    finally:
        for task in (following, asked):
            task.cancel()
        await asyncio.gather(following, asked, return_exceptions=True)


async def finish(
    engine: Engine,
    execution_id: str,
    ended: Ended | None,
    *,
    output: Format,
    timeout_s: float | None,
    signal_exit_code: int,
) -> int:
    """Print how it ended, or that it goes on without this process, and return the exit code.

    Raises:
        RunTimedOut: the clock was quicker.
    """
    from cerebelum.engine.application.query import get_execution
    from cerebelum_cli.errors import RunTimedOut
    from cerebelum_cli.outcome import print_result
    from cerebelum_cli.output import say
    from cerebelum_cli.shapes import of_state

    if ended is None and signal_exit_code == 128:
        raise RunTimedOut(execution_id, timeout_s or 0)
    if ended is None:
        say(f"  detached; {execution_id} keeps its place. Resume: cerebelum run --resume {execution_id}")
        return signal_exit_code
    ended_id, final = ended
    whole = None
    if output in (Format.json, Format.jsonl):
        found = await get_execution(engine, ended_id)
        whole = of_state(found.row, found.state)
    if output is Format.ids:
        out(ended_id)
        return 0 if final.type == "execution_completed" else 8 if final.type == "execution_cancelled" else 1
    await print_result(engine, ended_id, final, whole=whole)
    return 0
