"""Nodes: who lives, how long its lease holds yet, what it knows and holds; and what nothing moves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from cerebelum.engine.application import query
from cerebelum.engine.application.cluster import Cluster, NodeLook, look_at_cluster
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.stuck import DEFAULT_FOR_US, Report, find_stuck
from cerebelum.engine.domain.execution import OPEN
from cerebelum.engine.domain.stuck_words import group_title
from cerebelum.engine.domain.words import clock, duration
from cerebelum.tui.base_screen import Keys
from cerebelum.tui.coalescing import Coalesced
from cerebelum.tui.lines import Line, Piece
from cerebelum.tui.list_screen import EVERYWHERE_KEYS, WALK_KEYS, ListScreen
from cerebelum.tui.tables import Column, Row
from cerebelum.tui.themes import Ink
from cerebelum.tui.wrapping import wrapped

STANDINGS: dict[str, tuple[str, Ink]] = {"alive": ("✓", "good"), "late": ("▲", "wait"), "gone": ("✗", "bad")}
_TICK_S = 1.0  # a lease runs out without anybody writing
_OPEN_MOST = 20_000  # executions that are looked through for stuck ones without being asked
_STUCK_SHARE = 20  # that may take a twentieth of the time
_GROUPS_SHOWN = 20
_MEANINGS = {
    "alive": "alive",
    "late": "its lease ran out: others take over what it holds",
    "gone": "its process is gone: others take over what it holds",
}


class NodesScreen(ListScreen):
    """All nodes of the store."""

    KEY_PAGE_TITLE = "Nodes"
    KEY_PAGE: ClassVar[Sequence[tuple[str, Keys]]] = (
        ("Walk", (*WALK_KEYS, ("enter", "the executions that this node holds"))),
        ("Act", (("s", "look for what is stuck, through all open executions"), ("y", "copy the node's own id"))),
        ("Everywhere", EVERYWHERE_KEYS),
        ("Marks", tuple((STANDINGS[standing][0], meaning) for standing, meaning in _MEANINGS.items())),
    )
    COLUMNS: ClassVar[Sequence[Column]] = (
        Column("NODE", most=40),
        Column("STATE"),
        Column("LEASE", rank=4),
        Column("HOLDS"),
        Column("QUEUES", most=30, rank=2),
        Column("WORKFLOWS", most=60, rank=3, takes_rest=True),
        Column("STARTED", rank=1),
    )
    STATUS_KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("enter", "what it holds"), ("s", "stuck?"), ("?", "help"), ("q", "back"), ("y", "copy id"), (":", "command"),
    )  # fmt: skip
    NOTHING = "no nodes: nothing runs; start one: cerebelum worker FLOW.py"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "stuck", "Look for what is stuck"),
        Binding("y", "copy", "Copy the node's own id"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster(now_us=0)
        self.report: Report | None = None
        self.is_large = False
        self._stuck = Coalesced(self, self._find_stuck, name="stuck")
        self._stuck_again_at = 0.0
        self._is_asked = False

    def on_mount(self) -> None:
        """Read, and go on looking at the clock."""
        super().on_mount()
        self.set_interval(_TICK_S, self.news)

    @property
    def is_still(self) -> bool:
        """Whether everything asked for is shown."""
        return super().is_still and self._stuck.is_still

    @property
    def selected(self) -> NodeLook | None:
        """The node under the cursor."""
        return next((node for node in self.cluster.nodes if node.row.nonce == self.table.selected), None)

    async def read_rows(self) -> bool:
        """Read all nodes."""
        found = await self.cerebelum.read(look_at_cluster)
        if found is None:
            return False
        self.cluster = found
        self.table.show_rows(Row(node.row.nonce, _cells(node)) for node in found.nodes)
        if time.monotonic() >= self._stuck_again_at:
            self._stuck.ask()
        return True

    async def _find_stuck(self) -> None:
        began = time.monotonic()
        is_asked, self._is_asked = self._is_asked, False

        async def work(engine: Engine) -> Report | None:
            counts = await query.count_executions(engine)
            self.is_large = sum(counts.get(status, 0) for status in OPEN) > _OPEN_MOST
            return await find_stuck(engine) if is_asked or not self.is_large else self.report

        self.report = await self.cerebelum.read(work) or self.report
        self._stuck_again_at = time.monotonic() + max(_TICK_S, (time.monotonic() - began) * _STUCK_SHARE)
        self.show_all()

    def heading(self) -> Sequence[tuple[str, Ink]]:
        """Return how many there are, and how they are."""
        parts: list[tuple[str, Ink]] = [("nodes", "strong"), (f"  {self.cerebelum.store_name}", "dim")]
        for standing, (sign, ink) in STANDINGS.items():
            if count := sum(node.standing == standing for node in self.cluster.nodes):
                parts += [(f"  {sign} {count:,}", ink), (f" {standing}", "dim")]
        if self.report is not None and self.report.stuck:
            parts.append((f"  ▲ {self.report.stuck:,} stuck", "bad"))
        return parts

    def preview(self) -> Sequence[Line]:
        """Return what is known of the marked node."""
        node = self.selected
        if node is None:
            return []
        width = self.query_one("#preview").scrollable_content_region.width
        row = node.row
        sign, ink = STANDINGS[node.standing]
        held = ", ".join(f"{queue} {count:,}" for queue, count in sorted(node.held.items())) or "nothing"
        lines: list[Line] = [
            [Piece(row.name, "strong"), Piece(f"  {sign} {_MEANINGS[node.standing]}", ink)],
            [Piece("id         ", "dim"), Piece(row.nonce), Piece(f"  pid {row.pid}", "dim")],
            [Piece("started    ", "dim"), Piece(clock(row.started_at_us)),
             Piece(f"  {duration(max(0, self.cluster.now_us - row.started_at_us))} ago", "dim")],
            [Piece("lease      ", "dim"), Piece(lease_text(node), "text" if node.standing == "alive" else ink)],
            [Piece("holds      ", "dim"), Piece(held)],
        ]  # fmt: skip
        names = wrapped(", ".join(sorted(row.workflows)) or "none", width - 11)
        lines += [[Piece("workflows  " if not number else " " * 11, "dim"), *line] for number, line in enumerate(names)]
        return lines

    def show_preview(self) -> None:
        """Below the node: what nothing moves, which is of no node, and stands there also where there is none."""
        from cerebelum.tui.lines import TextPane

        lines = [*self.preview(), *self._stuck_lines()]
        pane = self.query_one("#preview", TextPane)
        pane.show(lines, top=None if len(lines) == len(pane.lines) else 0)

    def _stuck_lines(self) -> Sequence[Line]:
        report, now_us = self.report, self.cluster.now_us
        lost = self.cluster.lost
        lines: list[Line] = []
        if lost:
            lines.append([Piece(f"▲ {lost:,} held by nodes that are not there any more", "wait")])
        if report is None:
            many = f"more than {_OPEN_MOST:,} executions are open: s looks for stuck ones"
            return [[], *lines, [Piece(many if self.is_large else "looking for what is stuck …", "dim")]]
        if not report.stuck:
            lines.append([Piece("✓ nothing has been stuck for ten minutes", "good")])
        for group in report.groups[:_GROUPS_SHOWN]:
            since = f"  the longest for {duration(max(0, now_us - group.since_us))}: {group.members[0].row.id}"
            lines.append(
                [Piece(f"▲ {group.total:,}  ", "bad"), Piece(group_title(group.kind, group.name)), Piece(since, "dim")]
            )
        return [[], *lines]

    async def open_selected(self) -> None:
        """Show what the node holds."""
        from cerebelum.tui.executions.screen import ExecutionsScreen

        if (node := self.selected) is not None:
            await self.app.push_screen(ExecutionsScreen(f"node:{node.row.nonce}"))

    # -- keys ---------------------------------------------------------------------------------------------------------
    def action_stuck(self) -> None:
        """Look for what is stuck, however many there are."""
        self._is_asked = True
        self._stuck.ask()
        self.say(f"looking for what has been stuck for {duration(DEFAULT_FOR_US)}: cerebelum why --stuck")

    def action_copy(self) -> None:
        """Copy the node's own id."""
        if (node := self.selected) is not None:
            self.app.copy_to_clipboard(node.row.nonce)
            self.say(f"copied {node.row.nonce}")


def lease_text(node: NodeLook) -> str:
    """Return how long its lease holds, or since when it does not."""
    left_us = node.lease_left_us
    return f"{left_us / 1_000_000:.1f}s left" if left_us >= 0 else f"over for {duration(-left_us)}"


def _cells(node: NodeLook) -> Sequence[tuple[str, Ink]]:
    sign, ink = STANDINGS[node.standing]
    return (
        (node.row.name, "strong"),
        (f"{sign} {node.standing}", ink),
        (lease_text(node), "text" if node.standing == "alive" else ink),
        (f"{node.total:,}", "text"),
        (", ".join(sorted(node.held)), "dim"),
        (", ".join(sorted(node.row.workflows)), "dim"),
        (clock(node.row.started_at_us), "dim"),
    )
