"""An interface that only looks, and what a browser would take for itself."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

import cerebelum.tui
from cerebelum.engine.application.engine import Engine
from cerebelum.tui.base_screen import BaseScreen
from cerebelum.tui.executions.screen import ExecutionsScreen
from tests.tui.walker import Walker, make_app

TAKEN_BY_BROWSERS = {
    "ctrl+w",
    "ctrl+t",
    "ctrl+n",
    "ctrl+shift+w",
    "ctrl+shift+t",
    "ctrl+shift+n",
    "f5",
    "ctrl+r",
    "f11",
}


def all_nodes() -> list[type[DOMNode]]:
    """Return every screen, widget and application of ours."""
    for module in pkgutil.walk_packages(cerebelum.tui.__path__, f"{cerebelum.tui.__name__}."):
        importlib.import_module(module.name)
    found: list[type[DOMNode]] = [DOMNode]
    for kind in found:
        found += [sub for sub in kind.__subclasses__() if sub not in found]
    return [kind for kind in found if kind.__module__.startswith("cerebelum.tui")]


def test_no_key_is_one_that_a_browser_takes() -> None:
    """W6, W7: no screen, dialog or widget has a key that closes a tab, opens another, or loads the page anew."""
    kinds = all_nodes()
    assert ExecutionsScreen in kinds
    for kind in kinds:
        for each in vars(kind).get("BINDINGS", ()):
            keys = each.key if isinstance(each, Binding) else each[0]
            assert not TAKEN_BY_BROWSERS & {key.strip() for key in keys.split(",")}, f"{kind.__name__}: {keys}"


def test_every_place_that_writes_asks_whether_it_may() -> None:
    """W8: the interface opens its store to write in one place, which refuses where it is read-only."""
    for module in pkgutil.walk_packages(cerebelum.tui.__path__, f"{cerebelum.tui.__name__}."):
        spec = importlib.util.find_spec(module.name)
        assert spec is not None
        assert spec.origin is not None
        text = Path(spec.origin).read_text(encoding="utf-8")
        assert not re.search(r"\b(app|cerebelum)\._(act|look)\b", text), module.name


@pytest.mark.parametrize("key", ["p", "r", "x"])
async def test_what_changes_something_is_refused_at_once(store_url: str, key: str) -> None:
    """W8: read-only, no question is asked that could only be answered with a refusal; the sentence says what to do."""
    async with Walker.at(make_app(store_url, read_only=True), (80, 24)) as walker:
        assert walker.text("#status").strip().startswith("read-only")
        await walker.press(key)
        assert isinstance(walker.app.screen, BaseScreen)
        assert walker.said == "✗ read-only, nothing was done; to act, begin it without --read-only"
        assert len(walker.text("#status").strip()) <= 80


async def test_whatever_writes_is_refused(store_url: str) -> None:
    """W8: read-only, the store is not opened to write, whoever asks."""
    app = make_app(store_url, read_only=True)

    async def writes(_: Engine) -> None:
        pytest.fail("it was called")

    async with Walker.at(app):
        assert await app.write(writes) == "read-only, nothing was done; to act, begin it without --read-only"
