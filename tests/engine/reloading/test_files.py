"""Files that change: which workflows serve then, what is told, and what a broken file leaves alone."""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path

import pytest

from cerebelum.engine.application.reloading import Reloader
from cerebelum.engine.domain.errors import CerebelumError, UnknownWorkflow
from tests.engine.reloading.desk import Desk, order

ONE = """
    @workflow
    async def NAME() -> str:
        return "WORD"
"""


def one(name: str = "order", word: str = "one") -> str:
    """Return the text of the smallest flow."""
    return ONE.replace("NAME", name).replace("WORD", word)


async def _answers(desk: Desk, name: str = "order") -> object:
    return await desk.result(await desk.start(name))


async def test_new_starts_use_the_new_code(desk: Desk) -> None:
    """V13, W3: at once after a reload, in the same process, without a restart of anything."""
    (first,) = await desk.open(one())
    assert first.reloaded is not None
    assert (first.reloaded.changed, first.workflows, first.shown.rpartition("/")[2]) == (
        ("order",),
        ("order",),
        "flow.py",
    )
    assert await _answers(desk) == "one"
    reloaded = await desk.edit(one(word="two"))
    assert (reloaded.changed, reloaded.removed, reloaded.verdicts) == (("order",), (), [])
    assert reloaded.duration_us > 0
    assert await _answers(desk) == "two"
    code = await desk.world.store.get_code("order")
    assert code is not None
    assert (code.version, code.short_digest) == (2, desk.newest())


BROKEN = {
    "syntax": ("CB102", "    @workflow\n    async def order( -> str:\n        return 1\n"),
    "import": ("CB103", "    import no_such_module_anywhere\n" + ONE),
    "raises": ("CB103", "    print(1 / 0)\n" + ONE),
    "twice": ("CB201", one() + one("again").replace("@workflow", "@workflow('order')")),
    "flow": (
        "CB202",
        "    from cerebelum import Flow, decision\n    flow = Flow('order', decision('nobody', {'a': []}))\n",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_edit_leaves_the_old_version_serving(memory_desk: Desk, kind: str) -> None:
    """W3: whatever is wrong with the file, starts go on on what ran before, and open executions are not touched."""
    desk = memory_desk
    await desk.open(order())
    handle, serving = await desk.start(), desk.newest()
    await desk.waits(handle)
    outcome = await desk.outcome(BROKEN[kind][1])
    assert isinstance(outcome.error, CerebelumError)
    assert outcome.reloaded is None
    assert (outcome.workflows, outcome.serving) == (("order",), serving)
    assert (await desk.outcome(BROKEN[kind][1])).error is not None, "it is still broken"
    new = await desk.start()
    for each in (handle, new):
        await each.signal("go", "on")
        assert await desk.result(each) == ["first", "on", "last one"]
    mended = await desk.edit(order())
    assert (mended.changed, mended.only_layout) == ((), False)
    assert desk.newest() == serving
    assert await desk.changes(handle) == []


async def test_comments_change_nothing_but_are_told(memory_desk: Desk) -> None:
    """W3: comments, docstrings and blank lines make no version; nobody is moved, and the outcome says why."""
    desk = memory_desk
    await desk.open(order())
    handle, before = await desk.start(), desk.newest()
    await desk.waits(handle)
    reloaded = await desk.edit("\n    # a remark\n" + order())
    assert (reloaded.only_layout, reloaded.changed, reloaded.verdicts) == (True, (), [])
    assert desk.newest() == before
    assert await desk.reloader.reload([desk.folder / "flow.py"]) == [], "the same text again is no change at all"


async def test_a_changed_helper_reloads_what_imports_it(memory_desk: Desk) -> None:
    """W3: the flows follow the local modules they import, directly or not; another flow is left alone."""
    desk = memory_desk
    desk.write("WORD = 'one'", "lib/words.py")
    (desk.folder / "prices.py").write_text("from lib.words import WORD\n")
    desk.write("import prices\n" + textwrap.dedent(ONE.replace("NAME", "a").replace('"WORD"', "prices.WORD")), "a.py")
    await desk.open(one("b"), "b.py")
    assert await _answers(desk, "a") == "one"
    words = desk.folder / "lib" / "words.py"
    assert words in desk.reloader.files()
    assert desk.reloader.concerns(words)
    words.write_text("WORD = 'two'")
    (outcome,) = await desk.reloader.reload([words])
    assert outcome.reloaded is not None
    assert (outcome.path.name, outcome.reloaded.changed) == ("a.py", ("a",))
    assert await _answers(desk, "a") == "two"
    words.write_text("WORD = ")
    (outcome,) = await desk.reloader.reload([words])
    assert "words.py:1" in str(outcome.error)
    assert await _answers(desk, "a") == "two"


async def test_a_missing_helper_that_appears_mends_the_flow(memory_desk: Desk) -> None:
    """W3: a flow that failed for want of a module is tried again when the module is written."""
    desk = memory_desk
    await desk.open(one("other"), "other.py")
    text = "import late\n" + textwrap.dedent(ONE.replace("NAME", "order").replace('"WORD"', "late.WORD"))
    assert "late" in str((await desk.outcome(text)).error)
    late = desk.folder / "late.py"
    late.write_text("WORD = 'here'")
    assert desk.reloader.concerns(late)
    (outcome,) = await desk.reloader.reload([late])
    assert outcome.error is None
    assert await _answers(desk) == "here"


async def test_an_optional_module_that_appears_is_taken_up(memory_desk: Desk) -> None:
    """W3: a flow that did without a module, and would import it, is loaded anew when the module is there."""
    desk = memory_desk
    text = """
        try:
            import extra_words
        except ImportError:
            extra_words = None

        @workflow
        async def order() -> str:
            return extra_words.WORD if extra_words else "none"
    """
    await desk.open(text)
    assert await _answers(desk) == "none"
    (desk.folder / "extra_words.py").write_text("WORD = 'some'")
    (outcome,) = await desk.reloader.reload([desk.folder / "extra_words.py"])
    assert outcome.error is None
    assert await _answers(desk) == "some"
    (desk.folder / "unrelated.py").write_text("WORD = 'some'")
    assert await desk.reloader.reload([desk.folder / "unrelated.py"]) == []


async def test_a_removed_workflow_takes_no_starts(desk: Desk) -> None:
    """W3: its open executions go on with the old code, and end; a start is refused by name, until it is back."""
    await desk.open(order() + one("other"))
    handle = await desk.start()
    await desk.waits(handle)
    reloaded = await desk.edit(one("other"))
    assert (reloaded.removed, reloaded.changed) == (("order",), ("other",))
    (verdict,) = reloaded.verdicts
    assert (verdict.outcome, verdict.execution_id, verdict.now) == ("kept", handle.id, "")
    assert verdict.reason.startswith("order is gone from ")
    with pytest.raises(UnknownWorkflow) as refused:
        await desk.start()
    assert refused.value.known == ("other",)
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last one"]
    await desk.reloader.release()
    with pytest.raises(UnknownWorkflow):
        await desk.start()
    await desk.edit(order(word="two") + one("other"))
    new = await desk.start()
    await new.signal("go", "on")
    assert await desk.result(new) == ["first", "on", "last two"]


async def test_a_renamed_function_is_another_workflow(memory_desk: Desk) -> None:
    """W3: the old name is gone for starts, the new one serves."""
    desk = memory_desk
    await desk.open(one())
    reloaded = await desk.edit(one("orders"))
    assert (reloaded.changed, reloaded.removed) == (("orders",), ("order",))
    assert await _answers(desk, "orders") == "one"
    with pytest.raises(UnknownWorkflow):
        await desk.start()


async def test_new_and_deleted_files(memory_desk: Desk) -> None:
    """W3: a new file of the folder serves, a deleted one takes no starts; its open executions end on their code."""
    desk = memory_desk
    await desk.open(one("other"), "other.py")
    path = desk.write(order(), "fresh.py")
    assert desk.reloader.concerns(path)
    (outcome,) = await desk.reloader.reload([path])
    assert outcome.workflows == ("order",)
    handle = await desk.start()
    await desk.waits(handle)
    path.unlink()
    (outcome,) = await desk.reloader.reload([path])
    assert outcome.reloaded is not None
    assert (outcome.reloaded.removed, len(outcome.reloaded.verdicts)) == (("order",), 1)
    with pytest.raises(UnknownWorkflow):
        await desk.start()
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last one"]
    notes = desk.folder / "notes.txt"
    assert not desk.reloader.concerns(notes)
    assert not desk.reloader.concerns(desk.folder / "__pycache__" / "other.cpython-311.pyc")


async def test_a_file_that_comes_back_as_it_was_serves_again(memory_desk: Desk) -> None:
    """W3: deleted and restored with the same text, its module is the one that is loaded already; it takes starts again."""
    desk = memory_desk
    await desk.open(one("other"), "other.py")
    path = desk.write(order(), "fresh.py")
    await desk.reloader.reload([path])
    handle = await desk.start()
    await desk.waits(handle)
    path.unlink()
    await desk.reloader.reload([path])
    (outcome,) = await desk.reloader.reload([desk.write(order(), "fresh.py")])
    assert outcome.reloaded is not None
    assert (outcome.reloaded.changed, outcome.reloaded.verdicts) == (("order",), [])
    assert desk.world.engine.registry.serving() == ("order", "other")
    for each in (handle, await desk.start()):
        await each.signal("go", "on")
        assert await desk.result(each) == ["first", "on", "last one"]
    assert await desk.changes(handle) == []


@pytest.mark.parametrize("together", [True, False])
async def test_a_workflow_goes_to_another_file(memory_desk: Desk, together: bool) -> None:
    """W3: saved file by file it is declared twice for a moment, which is told; then it serves from its new place."""
    desk = memory_desk
    await desk.open(one("other") + order(), "a.py")
    handle = await desk.start()
    await desk.waits(handle)
    for new, old in (("b.py", "a.py"), ("a.py", "b.py")):
        paths = [desk.write(order(word=new[0]), new)]
        if not together:
            (outcome,) = await desk.reloader.reload(paths)
            assert "two modules" in str(outcome.error)
        paths.append(desk.write(one("other"), old))
        outcomes = await desk.reloader.reload(paths)
        assert [str(outcome.error) for outcome in outcomes if outcome.error] == []
        (verdict,) = [verdict for outcome in outcomes if outcome.reloaded for verdict in outcome.reloaded.verdicts]
        assert verdict.outcome == "moved"
        assert not any(outcome.reloaded.removed for outcome in outcomes if outcome.reloaded)
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last a"]


async def test_a_file_that_does_not_load_at_the_start_is_told(memory_desk: Desk) -> None:
    """W3: the others serve; it serves as soon as it is mended."""
    desk = memory_desk
    desk.write("def broken(:\n", "broken_workflow.py")
    outcomes = {outcome.path.name: outcome for outcome in await desk.open(one())}
    assert outcomes["broken_workflow.py"].error is not None
    assert outcomes["broken_workflow.py"].workflows == ()
    assert await _answers(desk) == "one"
    await desk.edit(one("late"), "broken_workflow.py")
    assert await _answers(desk, "late") == "one"


async def test_a_file_that_is_not_there_is_told(memory_desk: Desk) -> None:
    """W3: a path with a slip in it is an error of the start; writing the file later serves it."""
    desk = memory_desk
    missing = desk.folder / "later.py"
    reloader = Reloader(desk.world.engine, [missing])
    (outcome,) = await reloader.start()
    assert "there is no such file" in str(outcome.error)
    desk.write(one("late"), "later.py")
    assert reloader.concerns(missing)
    (outcome,) = await reloader.reload([missing])
    assert outcome.workflows == ("late",)


async def test_a_changed_library_asks_for_a_restart(memory_desk: Desk, tmp_path: Path) -> None:
    """W3: what is not of the project is not reloaded in place; the outcome says which module it was."""
    desk = memory_desk
    packages = tmp_path / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "a_library.py").write_text("WORD = 'one'")
    sys.path.insert(0, str(packages))
    importlib.invalidate_caches()
    await desk.open("import a_library\n" + textwrap.dedent(one()))
    assert packages / "a_library.py" not in desk.reloader.files()
    assert desk.reloader.concerns(packages / "a_library.py")
    (outcome,) = await desk.reloader.reload([packages / "a_library.py"])
    assert outcome.reloaded is not None
    assert outcome.reloaded.restart.startswith("module a_library changed")


async def test_flows_as_graphs_and_data_reload(memory_desk: Desk) -> None:
    """W3: a `Flow` in Python and a definition in JSON are flows like any other; their executions move."""
    desk = memory_desk
    text = """
        from cerebelum import Flow, receive

        def first(ctx):
            ctx.put("first", "WORD")

        def last(ctx):
            ctx.put("last", "WORD")

        order = Flow("order", first, receive("go"), last)
    """
    await desk.open(text.replace("WORD", "one"))
    handle = await desk.start()
    await desk.waits(handle)
    assert (await desk.verdict(text.replace("WORD", "two"))).outcome == "moved"
    await handle.signal("go", "on")
    result = await desk.result(handle)
    assert (result["first"], result["last"]) == ("one", "two")


async def test_workflows_of_imported_modules_come_and_go(memory_desk: Desk) -> None:
    """W3: a child in a local module serves as long as a flow imports its module, and it is told once what changed."""
    desk = memory_desk
    desk.write(one("child"), "lib/jobs.py")
    for name in ("a", "b"):
        desk.write("from lib import jobs\n" + textwrap.dedent(one(name)), f"{name}.py")
    await desk.reloader.start()
    await desk.world.engine.start_node()
    assert await _answers(desk, "child") == "one"
    outcomes = await desk.reloader.reload([desk.write(one("child", "two"), "lib/jobs.py")])
    assert [outcome.reloaded.changed for outcome in outcomes if outcome.reloaded] == [("a", "child"), ("b",)]
    assert await _answers(desk, "child") == "two"
    await desk.edit(one("a"), "a.py")
    assert await _answers(desk, "child") == "two"
    assert (await desk.edit(one("b"), "b.py")).removed == ("child",)
    with pytest.raises(UnknownWorkflow):
        await desk.start("child")
