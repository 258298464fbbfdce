"""Open executions when code changes under them: those whose history fits move, the others stay; nothing is lost."""

from __future__ import annotations

import asyncio

import pytest

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.ports.store import Batch, Committed, ExecutionFilter
from tests.engine.reloading.desk import SLEEPS, STANDS, Desk, order
from tests.flows import ledger


async def test_a_waiting_execution_moves(desk: Desk) -> None:
    """V13, W3, G7: one that waits in memory goes on on the new code from where it stands, and the change is recorded."""
    await desk.open(order())
    handle, before = await desk.start(), desk.newest()
    await desk.waits(handle)
    verdict = await desk.verdict(order(word="two"))
    assert (verdict.outcome, verdict.before, verdict.now) == ("moved", before, desk.newest())
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last two"]
    assert ledger.effects[handle.id] == ["first", "last two"]
    assert await desk.changes(handle) == [(before, desk.newest())]
    assert (await handle.describe()).row.code == desk.newest()


async def test_a_running_step_ends_on_the_old_code(desk: Desk) -> None:
    """V13, W3: it is neither cancelled nor begun again; its result goes to the code that the execution moved to."""
    await desk.open(order(middle=STANDS))
    handle = await desk.start()
    await desk.world.at_gate(handle)
    verdict = await desk.verdict(order(word="two", middle=STANDS))
    assert verdict.outcome == "moved"
    ledger.gate(handle.id).set()
    assert await desk.result(handle) == ["first", "stood one", "last two"]
    assert ledger.effects[handle.id] == ["first", "at gate", "stood one", "last two"]


async def test_a_step_whose_start_is_recorded_first_runs_once(desk: Desk) -> None:
    """V13, D24: an at_most_once step under way is not taken for one that a crash interrupted."""
    plain, once = "@step\n    async def stands", "@step(at_most_once=True)\n    async def stands"
    await desk.open(order(middle=STANDS).replace(plain, once))
    handle = await desk.start()
    await desk.world.at_gate(handle)
    for word in ("two", "three"):
        assert (await desk.verdict(order(word=word, middle=STANDS).replace(plain, once))).outcome == "moved"
    ledger.gate(handle.id).set()
    assert await desk.result(handle) == ["first", "stood one", "last three"]


async def test_a_retry_uses_the_new_code(desk: Desk) -> None:
    """V13: the attempt under way fails on the old code; the next one, which a timer begins, is made on the new."""
    text = """
        @step(retry=Retry(max_attempts=3, backoff="constant", backoff_base=0.01))
        async def tries() -> str:
            await pass_gate(f"attempt {info().attempt}")
            RAISE
            return "done"

        @workflow
        async def order() -> str:
            return await tries()
    """
    await desk.open(text.replace("RAISE", "raise ConnectionError('old')"))
    handle = await desk.start()
    await desk.world.at_gate(handle, "attempt 1")
    assert (await desk.verdict(text.replace("RAISE", "pass"))).outcome == "moved"
    for attempt in (1, 2):
        ledger.gate(handle.id, f"attempt {attempt}").set()
    assert await desk.result(handle) == "done"
    assert ledger.effects[handle.id] == ["at attempt 1", "at attempt 2"]


async def test_an_execution_that_does_not_fit_is_kept(desk: Desk) -> None:
    """V13, W3: it stays on its code, with the reason in few words and the whole mismatch, and ends there."""
    await desk.open(order())
    handle, before = await desk.start(), desk.newest()
    await desk.waits(handle)
    verdict = await desk.verdict(order(word="two", before="await extra()"))
    assert (verdict.outcome, verdict.before, verdict.now) == ("kept", before, desk.newest())
    assert verdict.reason == "step extra where first ran"
    assert "replay diverged at event 2" in verdict.detail
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last one"]
    assert await desk.changes(handle) == []


async def test_a_changed_order_is_named(memory_desk: Desk) -> None:
    """W3: the reason of the commonest change reads as people say it."""
    desk = memory_desk
    swapped = order().replace("done = [await first()]", "done = [await last()]")
    await desk.open(order(middle='await extra()\n        await wait_for_signal("go")'))
    handle = await desk.start()
    await desk.waits(handle)
    verdict = await desk.verdict(order(before="await extra()", middle='await wait_for_signal("go")'))
    assert verdict.reason == "step order changed: extra before first"
    assert (await desk.verdict(swapped)).reason == "step last where first ran"


async def test_a_kept_execution_moves_when_an_edit_fits_it_again(desk: Desk) -> None:
    """W3: each reload looks at it anew, so that mending the code is all it takes."""
    await desk.open(order())
    handle = await desk.start()
    await desk.waits(handle)
    assert (await desk.verdict(order(word="two", before="await extra()"))).outcome == "kept"
    assert (await desk.verdict(order(word="three"))).outcome == "moved"
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last three"]


async def test_code_may_ask_for_more_where_it_stands(desk: Desk) -> None:
    """V13: what the new code asks for beside what is open is recorded and begun at once."""
    await desk.open(order())
    handle = await desk.start()
    await desk.waits(handle)
    both = 'done += [str(one) for one in await asyncio.gather(wait_for_signal("go"), extra())]'
    assert (await desk.verdict(order(middle=both))).outcome == "moved"
    await desk.world.until(handle, lambda _: "extra" in ledger.effects[handle.id])
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "extra", "last one"]


async def test_a_patched_branch_lets_it_move(desk: Desk) -> None:
    """V13, G7: `patched` guards the change: what is open takes the old branch, what is new the new one."""
    await desk.open(order())
    old = await desk.start()
    await desk.waits(old)
    guarded = order(word="two", before='if patched("more"):\n            await extra()')
    assert (await desk.verdict(guarded)).outcome == "moved"
    new = await desk.start()
    for handle in (old, new):
        await handle.signal("go", "on")
        assert await desk.result(handle) == ["first", "on", "last two"]
    assert ledger.effects[old.id] == ["first", "last two"]
    assert ledger.effects[new.id] == ["extra", "first", "last two"]


@pytest.mark.parametrize("middle, outcome, word", [(SLEEPS, "moved", "two"), ("await extra()", "kept", "one")])
async def test_a_resting_execution_is_looked_at(desk: Desk, middle: str, outcome: str, word: str) -> None:
    """V13, W3: one that left memory is replayed too; it moves without waking early, or ends on its old code later."""
    await desk.open(order(middle=SLEEPS))
    handle, before = await desk.start(), desk.newest()
    await desk.rests(handle)
    verdict = await desk.verdict(order(word="two", middle=middle))
    assert (verdict.outcome, verdict.before) == (outcome, before)
    if outcome == "moved":
        await desk.world.until(handle, lambda view: view.row.code == desk.newest())
        await desk.rests(handle)
    assert ledger.effects[handle.id] == ["first"]
    desk.world.move_clock_on(3_601_000_000)
    await handle.resume()
    assert await desk.result(handle) == ["first", f"last {word}"]
    assert len(await desk.changes(handle)) == (outcome == "moved")


async def test_a_kept_execution_outlives_the_process(desk: Desk) -> None:
    """V13: after a crash its old code runs from the store, beside the new."""
    await desk.open(order())
    handle = await desk.start()
    await desk.waits(handle)
    assert (await desk.verdict(order(word="two", before="await extra()"))).outcome == "kept"
    await desk.world.crash()
    await desk.world.come_back()
    again = Desk(desk.world, desk.folder)
    await again.reloader.start()
    await desk.world.engine.start_node()
    handle = desk.world.client.handle(handle.id)
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last one"]


async def test_beyond_two_hundred_the_rest_is_tried_on_waking(memory_desk: Desk) -> None:
    """W3: a reload looks at 200 open executions; how many it did not look at is told, and they move when they wake."""
    desk = memory_desk
    await desk.open(order(middle=SLEEPS))
    workflow = desk.world.engine.registry.get("order")
    handles = await desk.world.client.start_many(workflow, [() for _ in range(230)])
    for handle in handles:
        await desk.rests(handle)
    reloaded = await desk.edit(order(word="two", middle=SLEEPS))
    assert (len(reloaded.verdicts), reloaded.moved, reloaded.unchecked) == (200, 200, 30)
    checked = {verdict.execution_id for verdict in reloaded.verdicts}
    for handle in handles:
        if handle.id not in checked:
            await handle.resume()
            assert await desk.result(handle) == ["first", "last two"]
            assert len(await desk.changes(handle)) == 1


async def test_what_did_not_fit_is_not_tried_again_and_again(memory_desk: Desk) -> None:
    """W3: a kept execution that rests and wakes runs on its code at once, until there is newer code to try."""
    desk = memory_desk
    twice = f"{SLEEPS}\n        await stands()\n        {SLEEPS}"
    await desk.open(order(middle=twice))
    handle = await desk.start()
    await desk.rests(handle)
    bad = order(word="two", before='effect("tried")\n        await extra()', middle=twice)
    assert (await desk.verdict(bad)).outcome == "kept"
    ledger.gate(handle.id).set()
    await handle.resume()
    await desk.world.until(handle, lambda _: "stood one" in ledger.effects[handle.id])
    await desk.rests(handle)
    await handle.resume()
    assert await desk.result(handle) == ["first", "last one"]


async def test_one_that_is_just_being_started_moves(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """W3: its start is stored and its code chosen, but it is not in memory yet when an edit looks: it is told as it is."""
    await desk.open(order())
    store, stored, let_go, looks = desk.world.store, asyncio.Event(), asyncio.Event(), asyncio.Semaphore(0)
    commit, list_executions = store.commit, store.list_executions

    async def commit_and_wait(batch: Batch) -> Committed:
        committed = await commit(batch)
        if batch.starts:
            stored.set()
            await let_go.wait()
        return committed

    async def listed(wanted: ExecutionFilter) -> list[ExecutionRow]:
        rows = await list_executions(wanted)
        looks.release()
        return rows

    async def looked_again() -> None:
        await looks.acquire()
        await looks.acquire()

    monkeypatch.setattr(store, "commit", commit_and_wait)
    monkeypatch.setattr(store, "list_executions", listed)
    starting = asyncio.create_task(desk.start())
    await stored.wait()
    reloading = asyncio.create_task(desk.edit(order(word="two")))
    waiting = asyncio.create_task(looked_again())
    await asyncio.wait((reloading, waiting), return_when=asyncio.FIRST_COMPLETED)
    let_go.set()
    (verdict,) = (await reloading).verdicts
    handle = await starting
    assert (verdict.execution_id, verdict.outcome) == (handle.id, "moved")
    await desk.world.until(handle, lambda view: view.row.code == desk.newest())
    await handle.signal("go", "on")
    assert await desk.result(handle) == ["first", "on", "last two"]


async def test_code_that_never_ends_moves_nobody(memory_desk: Desk) -> None:
    """W3, X4: the check is interrupted once, not for each execution; all stay where they are, and end there."""
    desk = memory_desk
    await desk.open(order())
    handles = [await desk.start() for _ in range(3)]
    for handle in handles:
        await desk.waits(handle)
    reloaded = await desk.edit(order(word="two", before="while True: pass"))
    assert [verdict.outcome for verdict in reloaded.verdicts] == ["failed"]
    assert reloaded.unchecked == 2
    for handle in handles:
        await handle.signal("go", "on")
        assert await desk.result(handle) == ["first", "on", "last one"]


async def test_a_parent_that_is_kept_calls_its_old_child(desk: Desk) -> None:
    """V13: the old code's own child is started, though new code of it was loaded meanwhile."""
    text = """
        @workflow
        async def child() -> str:
            return "child WORD"

        @workflow
        async def order() -> str:
            BEFORE
            await wait_for_signal("go")
            return await child()
    """
    await desk.open(text.replace("WORD", "one").replace("BEFORE", "pass"))
    handle = await desk.start()
    await desk.waits(handle)
    changed = text.replace("WORD", "two").replace("BEFORE", "await asyncio.sleep(0.01)")
    assert (await desk.verdict(changed)).outcome == "kept"
    await handle.signal("go", "on")
    assert await desk.result(handle) == "child one"
    new = await desk.start()
    await new.signal("go", "on")
    assert await desk.result(new) == "child two"
    assert await desk.result(await desk.start("child")) == "child two"


async def test_what_people_and_callers_wait_for_goes_on(desk: Desk) -> None:
    """V13, H-rows: an input, a query and an update reach the code that the execution moved to."""
    text = """
        from cerebelum import on_query, on_update, wait_for_input, wait_until

        @workflow
        async def order() -> str:
            seen = []
            on_query("word", lambda: "WORD")
            on_update("add", lambda item: seen.append(item) or "WORD")
            await wait_until(lambda: len(seen) == 2)
            return f"{seen} " + str(await wait_for_input("name"))
    """
    await desk.open(text.replace("WORD", "one"))
    handle = await desk.start()
    await desk.waits(handle)
    assert await handle.update("add", "a") == "one"
    assert (
        await desk.verdict(text.replace('append(item) or "WORD"', 'append(item) or "one"').replace("WORD", "two"))
    ).outcome == "moved"
    assert await handle.query("word") == "two"
    assert await handle.update("add", "b") == "one"
    await desk.world.until(handle, lambda view: view.row.current_step == "input name")
    await handle.provide_input("name", "Ada")
    assert await desk.result(handle) == "['a', 'b'] Ada"
    assert len(await desk.world.events(handle, ev.CodeChanged)) == 1


async def test_a_fork_on_recorded_code_stays_on_it(desk: Desk) -> None:
    """E15, W3: new code takes the original along, and the fork, which is to show what the old code does, stays."""
    await desk.open(order())
    handle, before = await desk.start(), desk.newest()
    await desk.waits(handle)
    fork = await handle.fork(at=(await handle.describe()).row.last_version)
    await desk.waits(fork)
    loaded = await desk.edit(order(word="two"))
    verdicts = {verdict.execution_id: verdict for verdict in loaded.verdicts}
    assert (verdicts[handle.id].outcome, verdicts[fork.id].outcome) == ("moved", "kept")
    assert "it stays on that" in verdicts[fork.id].detail
    for each, word in ((handle, "two"), (fork, "one")):
        await each.signal("go", "on")
        assert await desk.result(each) == ["first", "on", f"last {word}"]
    assert await desk.changes(fork) == []
    assert (await fork.describe()).row.code == before
