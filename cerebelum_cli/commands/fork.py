"""`fork`: a new execution that shares another's history up to a point, and runs on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.commands.run_flow import ChosenId
from cerebelum_cli.options import Format, JsonOption, OutputOption, ReadId, StoreOption, TimeoutOption, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.application.forking import ForkRequest, PreparedFork
    from cerebelum.engine.domain.execution import ExecutionRow
    from cerebelum.engine.domain.projection import StepState
    from cerebelum_cli.following import Ended, Follower
    from cerebelum_cli.interrupts import Interrupts
    from cerebelum_cli.live import View


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(fork)


def fork(
    execution_id: ReadId,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="N|STEP", help="Behind event N, or before STEP (STEP#2: its second call) runs."),
    ] = None,
    patch: Annotated[
        list[str] | None,
        typer.Option("--patch", metavar="PATH=JSON", help="Change what is taken over: charge.total=5, input.n=2."),
    ] = None,
    code: Annotated[
        str,
        typer.Option("--code", metavar="recorded|current|FLOW.py", help="The code that ran, or the one on disk."),
    ] = "recorded",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what is reused and what will run again; write nothing.")
    ] = False,
    new_id: ChosenId = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Store it and return; whichever node knows the workflow runs it.")
    ] = False,
    timeout: TimeoutOption = None,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Fork an execution: a new one takes over its history up to a point, and RUNS what comes behind it. See docs/fork.md.

    The original is only read. Steps behind the fork point run again, with all they do to the world.
    Exit codes: as `run`; 2 an edit means nothing, 3 no such event or step, 4 the code does not fit, 5 it cannot be forked.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    wanted = _Wanted(execution_id, at, patch or [], code, new_id, detach, timeout, chosen(output, as_json))
    url = store_url(store)
    if dry_run:
        run_async(_look(url, wanted))
        return
    raise typer.Exit(run_async(_run(url, wanted), is_node=True))


class _Wanted:
    def __init__(
        self, text: str, at: str | None, patches: list[str], code: str, new_id: str | None, detach: bool,
        timeout_s: float | None, output: Format,
    ) -> None:  # fmt: skip
        from cerebelum_cli.fork_options import fork_place, patches_of

        self.text, self.at, self.edits = text, fork_place(at), patches_of(patches)
        self.code, self.new_id, self.detach, self.timeout_s, self.output = code, new_id, detach, timeout_s, output


async def _look(url: str, wanted: _Wanted) -> None:
    from cerebelum.engine.application.forking import prepare_fork
    from cerebelum_cli.composition import reading
    from cerebelum_cli.fork_text import of_plan, print_plan
    from cerebelum_cli.output import print_json, say

    async with reading(url) as engine:
        row, request = await _request(engine, url, wanted, register=False)
        prepared = await prepare_fork(engine, row.id, request)
    if wanted.output is Format.text:
        print_plan(prepared.plan, row)
        say("nothing was written; without --dry-run it begins")
    else:
        print_json(of_plan(prepared.plan))


async def _request(engine: Engine, url: str, wanted: _Wanted, *, register: bool) -> tuple[ExecutionRow, ForkRequest]:
    """Return the original and what to do with it; `register` where its code is to run here."""
    from cerebelum.engine.application import query
    from cerebelum.engine.application.forking import ForkRequest
    from cerebelum_cli.composition import project_of
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.flows import find_flow, load_target

    execution_id = await query.resolve_id(engine, wanted.text)
    found = await query.get_execution(engine, execution_id)
    row = found.row
    if wanted.at is None and not wanted.edits:
        raise UsageProblem(
            "where is it to be forked? name the step to run again, or the last event to take over",
            help_=f"cerebelum fork {execution_id} --at {_likely(found.steps)}    cerebelum events {execution_id}",
        )
    flow = None
    if wanted.code == "current":
        command = f"cerebelum fork {execution_id} --code FLOW.py"
        flow = await find_flow(engine, row, help_=command, project=project_of(url))
    elif wanted.code != "recorded":
        flow = load_target(wanted.code if ":" in wanted.code else f"{wanted.code}:{row.workflow}")
    if flow is not None and register:
        await flow.register(engine)
    elif flow is not None:
        from cerebelum.engine.runtime.code.digest import describe

        flow.definition.code = describe(flow.definition).short_digest
    definition = None if flow is None else flow.definition
    return row, ForkRequest(at=wanted.at, edits=wanted.edits, definition=definition, id=wanted.new_id)


def _likely(steps: Sequence[StepState]) -> str:
    """Return the step that people fork at most: the newest that failed, else the newest."""
    import shlex

    failed = [step.name for step in steps if step.status == "failed"] or [step.name for step in steps]
    return shlex.quote(failed[-1]) if failed else "1"


async def _run(url: str, wanted: _Wanted) -> int:
    from cerebelum_cli.composition import opened
    from cerebelum_cli.following import Follower
    from cerebelum_cli.interrupts import handled
    from cerebelum_cli.live import make_view
    from cerebelum_cli.settings import node_settings, settled

    settings = settled().settings
    view = make_view()
    follower = Follower(view)
    own = url.startswith(("sqlite:", "memory:"))  # on one's own machine the code in the store is one's own
    with handled() as interrupts:
        interrupts.before_abort = view.close
        async with opened(
            url, stop_within_s=settings.node.stop_within_s,
            settings=node_settings(settings, "pin" if own else "park", fires_schedules=False), allow_stored_code=own or settings.node.allow_stored_code,
            on_event=follower.on_event, on_trouble=follower.on_trouble,
        ) as engine:  # fmt: skip
            try:
                return await _fork(engine, url, wanted, view, follower, interrupts)
            finally:
                view.close()


async def _fork(
    engine: Engine, url: str, wanted: _Wanted, view: View, follower: Follower, interrupts: Interrupts
) -> int:
    from cerebelum.engine.application.fork_words import again_text, reused_text
    from cerebelum.engine.application.forking import prepare_fork, write_fork
    from cerebelum_cli.commands.start import print_started
    from cerebelum_cli.words import versioned

    row, request = await _request(engine, url, wanted, register=True)
    prepared = await prepare_fork(engine, row.id, request)
    plan = prepared.plan
    if request.definition is None and not wanted.detach:
        await _register_recorded(engine, row, plan.code)
    await write_fork(engine, prepared)
    if wanted.detach:
        await print_started(
            engine, prepared.execution_id, row.workflow, wanted.output,
            otherwise=f"cerebelum run --resume {prepared.execution_id}",
        )  # fmt: skip
        return 0
    view.open()
    view.line(
        f"{prepared.execution_id}  {versioned(row.workflow, plan.code)}  fork of {row.id} at event {plan.version}"
    )
    view.line(f"  reuses {reused_text(plan)}; {again_text(plan)}")
    for warning in plan.warnings:
        view.line(f"  note: {warning}")
    await engine.start_node()
    return await _to_end(engine, prepared, wanted, view, follower, interrupts)


async def _to_end(
    engine: Engine, prepared: PreparedFork, wanted: _Wanted, view: View, follower: Follower, interrupts: Interrupts
) -> int:
    from cerebelum_cli.commands.run_flow import finish, first

    fork_id = prepared.execution_id
    work = follower.to_end(engine, fork_id, announce=lambda _: None)
    ended: Ended | None = await first(work, follower, interrupts.asked, wanted.timeout_s)
    view.close()
    return await finish(
        engine, fork_id, ended, output=wanted.output, timeout_s=wanted.timeout_s, signal_exit_code=interrupts.exit_code
    )


async def _register_recorded(engine: Engine, row: ExecutionRow, digest: str) -> None:
    """Have this process run the recorded code, beside the newest: others of this workflow must not move to old code."""
    from msgspec import structs

    from cerebelum_cli.flows import register_stored

    newest = await engine.store.get_code(row.workflow)
    if newest is not None and newest.source is not None:
        await register_stored(engine, structs.replace(row, code=newest.short_digest))
    await register_stored(engine, structs.replace(row, code=digest))
