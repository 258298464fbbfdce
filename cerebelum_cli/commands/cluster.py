"""`cluster`: the nodes that work on a store. Here the group, and what only looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen

if TYPE_CHECKING:
    from cerebelum.engine.application.cluster import Cluster, NodeLook

_COLUMNS = ("NODE", "STATE", "LEASE", "HOLDS", "QUEUES", "STARTED", "ID", "WORKFLOWS")
_LEAST = ("STARTED", "WORKFLOWS", "QUEUES", "ID")


def add_to(app: typer.Typer) -> None:
    """Add the group of this module."""
    group = typer.Typer(
        name="cluster", help="The nodes that work on a store.", no_args_is_help=True, rich_markup_mode=None
    )
    group.callback()(_no_options)  # makes it a group, also of one command
    group.command()(nodes)
    app.add_typer(group)


def _no_options() -> None:
    pass


def nodes(store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False) -> None:
    """List the nodes: who lives, how long its lease holds, what each holds and knows.

    States: alive; late (its lease ran out); gone (its process is known to be gone). What the last two hold is taken over.
    Exit codes: 0 listed, 6 no store.
    """
    import sys

    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import is_terminal, print_rows, say
    from cerebelum_cli.settings import shown_store, store_url

    url, format_ = store_url(store), chosen(output, as_json)
    found = run_async(_found(url))
    rows = ((_shape(node), _cells(node)) for node in found.nodes)
    print_rows(format_, rows, _COLUMNS, id_key="id", least=_LEAST)
    if format_ is not Format.text:
        return
    if not found.nodes and is_terminal(sys.stdout):
        say(f"no nodes on {shown_store(url)}: nothing runs; start one: cerebelum worker FLOW.py")
    if found.lost:
        whose = "is held by a node that is" if found.lost == 1 else "are held by nodes that are"
        say(f"{found.lost} {'execution' if found.lost == 1 else 'executions'} {whose} not there any more")
    for node in found.nodes:
        if node.standing != "alive" and node.total and not found.alive:
            say(
                f"{node.row.name} is {node.standing}, and no live node takes over what it holds: cerebelum worker FLOW.py"
            )


async def _found(url: str) -> Cluster:
    from cerebelum.engine.application.cluster import look_at_cluster
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        return await look_at_cluster(engine)


def _cells(node: NodeLook) -> list[str]:
    from cerebelum.engine.domain.words import clock, duration

    left_us = node.lease_left_us
    return [
        node.row.name, node.standing, f"{left_us / 1e6:.1f}s" if left_us >= 0 else f"-{duration(-left_us)}",
        str(node.total), ",".join(sorted(node.held)), clock(node.row.started_at_us), node.row.nonce,
        ",".join(sorted(node.row.workflows)),
    ]  # fmt: skip


def _shape(node: NodeLook) -> dict[str, Any]:
    from cerebelum.engine.domain.words import rfc3339

    row = node.row
    return {
        "schema": "cerebelum.node/1",
        "id": row.nonce,
        "name": row.name,
        "pid": row.pid,
        "state": node.standing,
        "lease_until": rfc3339(row.lease_until_us),
        "lease_left_ms": node.lease_left_us / 1000,
        "started_at": rfc3339(row.started_at_us),
        "workflows": sorted(row.workflows),
        "executions": node.total,
        "queues": dict(sorted(node.held.items())),
    }
