"""The screens as pictures. After a change that is meant: `pytest tests/tui/test_snapshots.py --snapshot-update`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from cerebelum.tui.screenshot import settled
from tests.tui.frozen import FORK
from tests.tui.walker import make_app

Compare = Callable[..., bool]
PICTURES: list[Any] = [
    pytest.param(None, None, "dark", (80, 24), ("j",), id="executions-narrow"),
    pytest.param(None, None, "light", (160, 40), ("j",), id="executions-light"),
    pytest.param(None, None, "dark", (100, 40), ("question_mark",), id="executions-keys"),
    pytest.param("order-1042", 6, "dark", (160, 44), (), id="replay"),
    pytest.param("order-1042", 6, "light", (80, 24), ("tab",), id="replay-narrow-locals"),
    pytest.param("order-1042", 9, "light", (120, 36), ("tab", "tab", "tab"), id="replay-logs"),
    pytest.param("order-1042", 6, "dark", (160, 44), ("g",), id="timeline"),
    pytest.param("order-1042", None, "light", (80, 24), ("g", "home"), id="timeline-narrow-light"),
    pytest.param("order-1042", 9, "dark", (80, 24), ("m",), id="graph-narrow"),
    pytest.param("order-1042", 18, "light", (160, 50), ("m", "end"), id="graph-light"),
    pytest.param("order-1042", 10, "dark", (80, 24), ("f", "tab", "tab", "down", "down"), id="fork-narrow"),
    pytest.param("order-1042-mended", None, "dark", (120, 36), ("d",), id="compare"),
]


@pytest.mark.parametrize("execution_id, at, theme, size, keys", PICTURES)
def test_a_screen_looks_as_it_did(
    request: pytest.FixtureRequest,
    snap_compare: Compare,
    execution_id: str | None,
    at: int | None,
    theme: str,
    size: tuple[int, int],
    keys: tuple[str, ...],
) -> None:
    """W6, W7: nothing on the screen moved that nobody meant to move."""
    url: str = request.getfixturevalue("forked_url" if execution_id == FORK else "store_url")

    async def walk(pilot: Pilot[None]) -> None:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
        await settled(pilot)

    assert snap_compare(make_app(url, execution_id, at, theme), terminal_size=size, run_before=walk)
