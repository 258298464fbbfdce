"""Versions of code: executions stay with theirs, move on where their history fits, and are parked where it does not."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.runtime.code.loading import load_flow
from cerebelum.engine.runtime.code.modules import finder
from cerebelum.engine.runtime.node import NodeSettings
from tests.engine.world import PATIENCE_S, World

Edit = Callable[..., WorkflowDefinition[..., Any]]

FLOW = """
    from cerebelum import patched, step, wait_for_signal, workflow

    def greeting(name):
        return "{greeting}, " + name

    @step
    async def first() -> str:
        return "first"

    @step
    async def later() -> str:
        return greeting("{word}")

    @step
    async def extra() -> str:
        return "extra"

    @workflow
    async def versioned() -> list[str]:
        {before}
        done = [await first()]
        done.append(str(await wait_for_signal("go")))
        {middle}
        done.append(await later())
        return done
"""


@pytest.fixture
def edit(tmp_path: Path) -> Iterator[Edit]:
    """Write the flow with some words changed, and load it as a reload would."""
    modules, path, captured = set(sys.modules), list(sys.path), set(finder.names_under(""))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    file = folder / "versioned_flow.py"

    def write(*, greeting: str = "hello", word: str = "one", before: str = "pass", middle: str = "pass") -> Any:
        words = {"greeting": greeting, "word": word, "before": before, "middle": middle}
        text = textwrap.dedent(FLOW).lstrip()
        for name, value in words.items():
            text = text.replace("{" + name + "}", value)
        file.write_text(text)
        return load_flow(file).workflows[0]

    yield write
    for name in set(sys.modules) - modules:
        if not name.startswith(("cerebelum.", "tests.")):
            del sys.modules[name]
    sys.path[:] = path
    finder.remove(set(finder.names_under("")) - captured)


@pytest.fixture
async def pinning_world(url: str) -> AsyncIterator[World]:
    """A world that runs old code from the store side by side with the new."""
    world = await World.open(url, settings=NodeSettings(policy="pin"), allow_stored_code=True)
    yield world
    await world.close()


async def test_versions_are_counted_by_changes_of_the_source(world: World, edit: Edit) -> None:
    """G3-G6: one for the first source, the same for the same source, the next for a changed one, and back again."""
    versions = [await world.engine.register(edit(word=word)) for word in ("one", "one", "two", "one")]
    assert [code.version for code in versions] == [1, 1, 2, 3]
    digests = [code.digest for code in versions]
    assert digests[0] == digests[1] == digests[3] != digests[2]
    assert len(digests[0]) == 64
    stored = await world.store.get_code("versioned", version=1)
    assert stored is not None
    assert stored.digest == digests[0]


async def test_a_changed_function_beside_the_workflow_makes_a_version(world: World, edit: Edit) -> None:
    """G8: the digest covers the whole module."""
    first = await world.engine.register(edit())
    second = await world.engine.register(edit(greeting="good morning"))
    assert (first.version, second.version) == (1, 2)


async def test_a_reload_leaves_the_open_execution_on_its_code(world: World, edit: Edit) -> None:
    """G7: in the same process, the execution that began before goes on with what it began with; a new one does not."""
    old = await world.client.start(edit(word="one"))
    await world.until_status(old, "waiting")
    new = await world.client.start(edit(word="two"))
    for handle in (old, new):
        await handle.signal("go", "on")
    assert await old.result(PATIENCE_S) == ["first", "on", "hello, one"]
    assert await new.result(PATIENCE_S) == ["first", "on", "hello, two"]
    assert await world.events(old, ev.CodeChanged) == []


async def test_an_execution_moves_to_new_code_that_its_history_fits(world: World, edit: Edit) -> None:
    """G7: with only the new code at hand the past is replayed on it first, and the change is recorded."""
    old, before = await world.client.start(edit(word="one")), edit(word="one").code
    await world.until_status(old, "waiting")
    await world.crash()
    changed = edit(word="two")
    old = (await world.come_back(changed)).handle(old.id)
    await old.signal("go", "on")
    assert await old.result(PATIENCE_S) == ["first", "on", "hello, two"]
    (change,) = await world.events(old, ev.CodeChanged)
    assert (change.before, change.after) == (before, changed.code)
    assert (await old.describe()).row.code == changed.code


async def test_an_execution_that_fits_no_code_is_parked(world: World, edit: Edit) -> None:
    """G7: paused with the mismatch as its reason; its history is not touched, and it goes on when the old code is back."""
    original = edit()
    old = await world.client.start(original)
    await world.until_status(old, "waiting")
    await world.crash()
    old = (await world.come_back(edit(before="await extra()"))).handle(old.id)
    view = await world.until_status(old, "paused")
    assert view.state.reason.startswith("incompatible code: ")
    assert "extra" in view.state.reason
    await world.crash()
    old = (await world.come_back(edit())).handle(old.id)
    await old.resume()
    await old.signal("go", "on")
    assert await old.result(PATIENCE_S) == ["first", "on", "hello, one"]


async def test_an_execution_is_pinned_to_its_code_where_that_is_allowed(pinning_world: World, edit: Edit) -> None:
    """G7: the stored source of its version is run side by side with the new, through a crash."""
    world = pinning_world
    old = await world.client.start(edit(word="one"))
    await world.until_status(old, "waiting")
    await world.crash()
    changed = edit(word="two", before="await extra()")
    client = await world.come_back(changed)
    old, new = client.handle(old.id), await client.start(changed)
    for handle in (old, new):
        await handle.signal("go", "on")
    assert await old.result(PATIENCE_S) == ["first", "on", "hello, one"]
    assert await new.result(PATIENCE_S) == ["first", "on", "hello, two"]


async def test_a_patch_keeps_the_old_branch_for_what_is_past_it(world: World, edit: Edit) -> None:
    """G7: an execution that was past the line goes without the new step; one that comes to it, and every later one, takes it."""
    guard = 'if patched("extra"): done.append(await extra())'
    past = await world.client.start(edit())
    await world.until_status(past, "waiting")
    await world.crash()
    changed = edit(middle=guard, before='if patched("early"): await extra()')
    client = await world.come_back(changed)
    past = client.handle(past.id)
    fresh = await client.start(changed)
    for handle in (past, fresh):
        await handle.signal("go", "on")
        assert await handle.result(PATIENCE_S) == ["first", "on", "extra", "hello, one"]
    assert [marker.patch for marker in await world.events(past, ev.VersionMarker)] == ["extra"]
    assert [marker.patch for marker in await world.events(fresh, ev.VersionMarker)] == ["early", "extra"]
