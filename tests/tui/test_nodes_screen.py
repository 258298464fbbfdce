"""The screen of nodes: who lives, what each holds, and what nothing moves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.ports.store import Batch, NodeRow, Start
from cerebelum.tui.dialogs import Help
from cerebelum.tui.executions.screen import ExecutionsScreen
from cerebelum.tui.nodes import screen as nodes_module
from cerebelum.tui.nodes.screen import NodesScreen
from tests.conftest import urls_of
from tests.engine.world import World
from tests.flows import ledger, talking
from tests.flows.travelled import HOSTILE
from tests.tui.walker import Walker, make_app


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of both kinds that processes share."""
    return urls_of(request, tmp_path)()


def nodes_of(walker: Walker) -> NodesScreen:
    screen = walker.app.screen
    assert isinstance(screen, NodesScreen)
    return screen


async def test_a_node_its_lease_and_what_it_holds(url: str) -> None:
    """W6, W8: a node is shown with what it holds while it does, is led to it by enter, and goes when it leaves."""
    world = await World.open(url)
    try:
        handle = await world.client.start(talking.stands_and_logs)
        await world.at_gate(handle)
        async with Walker.at(make_app(url), (120, 36)) as walker:
            await walker.press("N")
            nonce, name = world.node.nonce, nodes_of(walker).cluster.nodes[0].row.name
            assert "✓ 1 alive" in walker.text("#heading")
            line = walker.text("#table").splitlines()[0]
            assert name in line
            assert "s left" in line
            assert "default" in line
            assert "stands_and_logs" in line
            assert "holds      default 1" in walker.text("#preview")
            assert "nothing has been stuck for ten minutes" in walker.text("#preview")
            await walker.press("y")
            assert (walker.said, walker.app.clipboard) == (f"copied {nonce}", nonce)
            await walker.press("enter")
            assert [row.id for row in walker.executions.table.listing.rows] == [handle.id]
            assert f"/ node:{nonce}" in walker.text("#heading")
            await walker.press("q")
            ledger.gate(handle.id).set()
            await handle.result(20)
            await walker.until(lambda: nodes_of(walker).cluster.nodes[0].total == 0)
            await walker.until(lambda: "holds      nothing" in walker.text("#preview"))
            await world.engine.stop_node(1.0)
            await walker.until(lambda: "no nodes: nothing runs" in walker.text("#columns"))
            await walker.press("enter", "y", "j", "end", "J", "K")
            assert walker.sees(NodesScreen)
    finally:
        await world.close()


async def test_what_is_late_lost_and_stuck_is_told(
    store_url: str, store_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W6: a lease that runs out is seen without anybody writing; what nothing moves is told, of many only when asked."""
    world = await World.open(store_url)
    try:
        row = NodeRow(
            nonce="n-1", name="old:1", host="", pid=1, lease_until_us=0, started_at_us=1, workflows=["refund"]
        )
        await world.store.join(row)
        like = await world.store.get_execution("refund-7")
        assert like is not None
        held = structs.replace(like, id="held-1", owner="n-gone", status="running")
        await world.store.commit(
            Batch(id="held", starts=[Start(row=held, events=await world.store.read_history(like.id))])
        )
        async with Walker.at(make_app(store_url), (120, 36)) as walker:
            await walker.press("N")
            screen = nodes_of(walker)
            await walker.until(lambda: "▲ 1 stuck" in walker.text("#heading"))
            assert "held by nodes that are not there any more" in walker.text("#preview")
            assert "wait for signal 'approve', without a time limit" in walker.text("#preview")
            assert "refund-7" in walker.text("#preview")
            with closing(sqlite3.connect(store_file)) as other:  # it would take ten seconds
                other.execute("UPDATE nodes SET lease_until_us = ?", (await world.store.now_us() + 100_000,))
                other.commit()
            await walker.until(lambda: "▲ late" in walker.text("#table"))
            assert "over for" in walker.text("#table")
            assert "its lease ran out" in walker.text("#preview")
            monkeypatch.setattr(nodes_module, "_OPEN_MOST", 0)
            await walker.press("q", "N")
            assert "s looks for stuck ones" in walker.text("#preview")
            assert "stuck" not in walker.text("#heading")
            await walker.press("s")
            await walker.until(lambda: "▲ 2 stuck" in walker.text("#heading"))
            assert nodes_of(walker) is not screen
    finally:
        await world.close()


async def test_the_keys_and_hostile_names(store_url: str) -> None:
    """W6: every key that walks, the page of keys, commands, the mouse, small windows; names cannot act."""
    world = await World.open(store_url)
    try:
        for number in range(3):
            row = NodeRow(
                nonce=f"n-{number}", name=f"node{number}{HOSTILE}", host="", pid=1, lease_until_us=0,
                started_at_us=number, workflows=[f"w{HOSTILE}"],
            )  # fmt: skip
            await world.store.join(row)
        async with Walker.at(make_app(store_url), (80, 24)) as walker:
            await walker.press(":")
            await walker.enter("nodes")
            table = nodes_of(walker).table
            for key, cursor in (
                ("j", 1), ("down", 2), ("down", 2), ("k", 1), ("up", 0), ("pagedown", 2), ("pageup", 0), ("end", 2),
                ("home", 0),
            ):  # fmt: skip
                await walker.press(key)
                assert (key, table.cursor) == (key, cursor)
            text = walker.text()
            assert "\\x1b[2J" in text
            assert visible(text) == text
            await walker.press("J", "shift+down", "K", "shift+up", "T", "?")
            assert walker.sees(Help)
            assert "the executions that this node holds" in walker.text()
            await walker.press("escape")
            await walker.pilot.click("#table", offset=(4, 1))
            await walker.still()
            assert table.cursor == 1
            await walker.pilot.click("#table", offset=(4, 1))
            await walker.until(lambda: walker.sees(ExecutionsScreen))
            await walker.still()
            assert walker.executions.table.listing.rows == []
            await walker.press("q")
            for size in ((30, 8), (200, 50), (1, 1), (80, 24)):
                await walker.pilot.resize_terminal(*size)
                await walker.still()
            await walker.press("escape")
            assert walker.sees(ExecutionsScreen)
    finally:
        await world.close()
