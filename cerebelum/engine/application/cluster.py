"""The nodes of a store: who lives, for how long yet without a sign, what each knows and holds. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from cerebelum.engine.application.engine import Engine
from cerebelum.engine.ports.store import NodeRow
from cerebelum.engine.runtime.presence import certainly_dead

Standing = Literal["alive", "late", "gone"]


class NodeLook(Struct, frozen=True, kw_only=True):
    """One node.

    Attributes:
        standing: "late": its lease ran out, and others take over what it holds; "gone": its process is known to be gone.
        lease_left_us: until it counts as late; negative: since then.
        held: queue -> how many executions it has in memory.
    """

    row: NodeRow
    standing: Standing
    lease_left_us: int
    held: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many executions it holds."""
        return sum(self.held.values())


class Cluster(Struct, frozen=True, kw_only=True):
    """All nodes at one time, the oldest first.

    Attributes:
        lost: how many executions are held by nodes that are not there any more; a live node takes them over.
    """

    now_us: int
    nodes: tuple[NodeLook, ...] = ()
    lost: int = 0

    @property
    def alive(self) -> int:
        """How many live."""
        return sum(node.standing == "alive" for node in self.nodes)


async def look_at_cluster(engine: Engine) -> Cluster:
    """Return every node, with what it holds."""
    held = await engine.store.count_owned()
    rows = await engine.store.nodes()
    now_us = await engine.store.now_us()
    nodes = tuple(
        NodeLook(
            row=row, standing=_standing(row, now_us), lease_left_us=row.lease_until_us - now_us,
            held=held.get(row.nonce, {}),
        )
        for row in rows
    )  # fmt: skip
    known = {row.nonce for row in rows}
    lost = sum(sum(queues.values()) for nonce, queues in held.items() if nonce not in known)
    return Cluster(now_us=now_us, nodes=nodes, lost=lost)


def _standing(row: NodeRow, now_us: int) -> Standing:
    if certainly_dead(row):
        return "gone"
    return "alive" if row.lease_until_us > now_us else "late"


async def who_runs(engine: Engine, workflow: str) -> str | None:
    """Return None when a live node knows the workflow, else a sentence that says who there is instead."""
    now_us = await engine.store.now_us()
    return who_runs_of(workflow, [node for node in await engine.store.nodes() if node.lease_until_us > now_us])


def who_runs_of(workflow: str, alive: list[NodeRow]) -> str | None:
    """Return the same of nodes that were looked up already."""
    if any(workflow in node.workflows for node in alive):
        return None
    names = sorted({name for node in alive for name in node.workflows})
    return f"no node has workflow {workflow!r} (nodes: {len(alive)}, workflows: {', '.join(names) or 'none'})"
