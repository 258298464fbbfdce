"""`worker`: a node that runs workflows until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import StoreOption

if TYPE_CHECKING:
    from cerebelum.engine.runtime.code.loading import LoadedFlow
    from cerebelum_cli.setting_model import Settings


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(worker)


def worker(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]…", help="Flow files, or folders of them; default: this folder."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Plain-function steps at once.  [default: 32]")
    ] = None,
    stop_within: Annotated[
        float | None,
        typer.Option(
            "--stop-within", min=0, metavar="SECONDS", help="How long running steps may take at the end.  [default: 10]"
        ),
    ] = None,
    queue: Annotated[
        list[str] | None,
        typer.Option("--queue", metavar="NAME=NUMBER", help="How many steps of a queue run at once; repeatable."),
    ] = None,
    stored_code: Annotated[
        bool, typer.Option("--allow-stored-code", help="Run old versions from the source in the store.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Run a node: the workflows of these files, for whoever starts them, until SIGTERM. Their schedules fire.

    What no flag says, the settings do: cerebelum config show.
    Exit codes: 0 stopped in an orderly way (SIGTERM), 130 (Ctrl-C), 6 the store is gone, 9 a flow does not load.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import flag, queue_flags, settled, store_url

    settings = settled(
        [
            *flag("--threads", ("node", "step_threads"), threads),
            *flag("--stop-within", ("node", "stop_within_s"), stop_within),
            *flag("--allow-stored-code", ("node", "allow_stored_code"), stored_code or None),
            *queue_flags(queue or ()),
        ]
    ).settings
    flows = load_flows([Path(path) for path in paths or ["."]])
    raise typer.Exit(run_async(_work(store_url(store), flows, settings), is_node=True))


def load_flows(paths: list[Path]) -> list[LoadedFlow]:
    """Load flow files and, of folders, every file that declares a workflow.

    Raises:
        NoWorkflow: there is none at all.
        FlowNotFound, FlowSyntaxError, FlowImportFailed: one does not load.
    """
    from cerebelum.engine.domain.errors_code import NoWorkflow
    from cerebelum.engine.runtime.code.flow_files import flow_files
    from cerebelum.engine.runtime.code.loading import load_flow

    flows = [load_flow(file) for file in flow_files(paths)]
    if not any(flow.workflows or flow.imported for flow in flows):
        raise NoWorkflow(", ".join(str(path) for path in paths))
    return flows


async def _work(url: str, flows: list[LoadedFlow], settings: Settings) -> int:
    import asyncio
    import signal

    from cerebelum.engine.domain.errors_store import StoreError
    from cerebelum_cli.composition import opened
    from cerebelum_cli.declared_schedules import register_declared
    from cerebelum_cli.interrupts import handled
    from cerebelum_cli.output import say
    from cerebelum_cli.settings import node_settings, shown_store

    stored_code = settings.node.allow_stored_code
    trouble: asyncio.Future[StoreError] = asyncio.get_running_loop().create_future()
    with handled() as interrupts:
        async with opened(
            url, create=True, stop_within_s=settings.node.stop_within_s, allow_stored_code=stored_code,
            settings=node_settings(settings, "pin" if stored_code else "park"),
            on_trouble=lambda error: None if trouble.done() else trouble.set_result(error),
        ) as engine:  # fmt: skip
            for flow in flows:
                for definition in (*flow.workflows, *flow.imported):
                    await engine.register(definition)
            lines = await register_declared(engine, flows, settings)
            await engine.start_node()
            for line in lines:
                say(line)
            say(f"node ready  store {shown_store(url)}  workflows {', '.join(engine.registry.names())}")
            asked = asyncio.create_task(interrupts.asked.wait())
            awaited: list[asyncio.Future[Any]] = [asked, trouble]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if trouble.done():
                raise trouble.result()
            say("stopping: running steps may finish; a second signal ends at once")
        say("stopped")
    return 0 if interrupts.number == signal.SIGTERM else interrupts.exit_code
