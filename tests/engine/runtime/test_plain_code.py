# mypy: disable-error-code="comparison-overlap, list-item, misc, no-any-return, operator, return-value, unused-coroutine"
"""Plain `def` workflows: live, after a crash at each event, in replay; where they stand; what they may not do."""

from __future__ import annotations

import ast
import asyncio
import contextvars
import inspect
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cerebelum import ExecutionFailed, map_steps, saga, step, together, value_of, wait_for_signal, workflow
from cerebelum.adapters.stores.memory import MemoryStore
from cerebelum.connect import make_codec
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.runtime.frames import capture_tasks
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.node import NodeSettings
from cerebelum.engine.testing.crashes import crash_everywhere
from tests.engine.runtime.played import AnyWorkflow, Played, echo, replay
from tests.engine.world import World
from tests.flows import plain_form, plain_only
from tests.flows.plain import replayed


async def memory_engine() -> Engine:
    store = MemoryStore()
    await store.open()
    return Engine(store, make_codec())


TWINS = [
    replayed.retries,
    replayed.compensates,
    replayed.catches,
    replayed.fails,
    replayed.parent,
    replayed.begins_anew,
]


@pytest.mark.parametrize("definition", [*plain_only.DETERMINISTIC, *TWINS], ids=lambda flow: flow.name)
async def test_the_result_is_the_same_after_a_crash_at_each_event(definition: AnyWorkflow) -> None:
    """A1, E13, E20: whatever event a process dies after, plain code ends elsewhere as it would have here."""
    outcome = await crash_everywhere(memory_engine, definition, others=(*plain_only.CHILDREN, replayed.doubles))
    fails = definition in (replayed.compensates, replayed.fails)
    assert outcome.final_type == ("execution_failed" if fails else "execution_completed"), outcome


@pytest.mark.parametrize("name", plain_form.MODULES)
def test_the_twins_are_what_the_rule_makes(name: str) -> None:
    """A1: the plain form that the tests of behaviour run is that of the workflows as they are now."""
    written = Path(plain_form.__file__).parent / "plain" / f"{name}.py"
    is_current = ast.dump(ast.parse(written.read_text())) == ast.dump(plain_form.twins_of(name))
    assert is_current, "run: python -m tests.flows.plain_form"


def test_replay_draws_the_same_values_in_every_branch() -> None:
    """E9, E20: time and randomness answer from the execution in plain code, too."""
    install()
    replay(plain_only.draws, Played(plain_only.draws).complete_all().history)


def inner(number: int) -> int:
    return echo(number)


def outer(number: int) -> int:
    doubled = 2 * number
    return inner(doubled) + doubled


@workflow("stands")
def stands(number: int) -> int:
    return outer(number + 1)


def test_frames_show_the_stack_of_the_plain_code() -> None:
    """E17: each plain function of a suspended call is there, outermost first, with its line and locals."""
    played = Played(stands, number=20)
    [main] = capture_tasks(played.run.loop.tasks.values())
    assert [(entry.function, entry.file) for entry in main.stack] == [
        (name, __file__) for name in ("stands", "outer", "inner")
    ]
    assert [entry.locals for entry in main.stack] == [
        {"number": "20"},
        {"number": "21", "doubled": "42"},
        {"number": "42"},
    ]
    lines, first = inspect.getsourcelines(outer)
    assert lines[main.stack[1].line - first].strip() == "return inner(doubled) + doubled"
    played.run.close()


def test_frames_of_branches_and_of_steps_called_directly() -> None:
    """E17: `together` shows a stack for each branch; a step that is a whole branch shows as itself."""

    @workflow("forks")
    def forks() -> list[Any]:
        return together(partial(outer, 1), partial(echo, "direct"))

    played = Played(forks)
    _, first, second = capture_tasks(played.run.loop.tasks.values())
    assert [entry.function for entry in first.stack] == ["outer", "inner"]
    assert [(entry.function, entry.locals) for entry in second.stack] == [("echo", {"value": "'direct'"})]
    played.run.close()


def line_of(function: Any, text: str) -> str:
    lines, first = inspect.getsourcelines(function)
    position = next(number for number, line in enumerate(lines) if text in line)
    return f"{Path(__file__).name}:{first + position}"


def test_each_command_tells_the_line_that_asked_for_it() -> None:
    """E17: of a step, a sleep, a wait and a compensation: the innermost plain line, not the engine's."""
    played = Played(asks_for_all)
    played.complete_all()
    lines = {event.type: event.event().line for event in played.history if hasattr(event.event(), "line")}  # type: ignore[union-attr]
    function = asks_for_all.function
    assert lines["timer_started"] == line_of(function, "time.sleep(5)")
    assert lines["wait_started"] == line_of(function, "wait_for_signal")
    assert lines["step_scheduled"] == line_of(function, "echo(1)")


@workflow("asks_for_all")
def asks_for_all() -> None:
    import time

    time.sleep(5)
    wait_for_signal("go")
    echo(1)


async def test_a_deadlock_names_the_plain_line() -> None:
    """E16: code that waits for what nothing can bring fails, and says where."""
    world = await World.open("memory://")
    try:
        with pytest.raises(ExecutionFailed, match=r"Deadlocked.*plain_only\.py"):
            await world.run(plain_only.waits_for_nothing)
    finally:
        await world.close()


@pytest.mark.parametrize(
    "flow, limit_s", [(plain_only.blocks, 0.1), (plain_only.spins, 60.0)], ids=["computes", "turns"]
)
async def test_code_that_never_ends_is_interrupted_and_others_go_on(flow: AnyWorkflow, limit_s: float) -> None:
    """R10: plain code that computes for ever, or sleeps for no time for ever, is parked; the node lives."""
    settings = NodeSettings(activation_limit_s=limit_s, blocked_warning_s=limit_s / 2)
    world = await World.open("memory://", settings=settings)
    try:
        handle = await world.client.start(flow)
        await world.until(handle, lambda view: view.row.status in ("paused", "failed"))
        assert await world.run(plain_only.plain_child, 2) == 4
    finally:
        await world.close()


@pytest.mark.parametrize("flow", [plain_only.catches_all, plain_only.sleeps_through_all], ids=lambda flow: flow.name)
async def test_stubborn_code_is_given_up(flow: AnyWorkflow) -> None:
    """R10: plain code that catches whatever ends it holds up neither its eviction nor its node."""
    world = await World.open("memory://")
    try:
        handle = await world.client.start(flow)
        await world.until(handle, lambda view: view.row.last_version >= 2)
        world.node.residents.forget_all()
        assert await world.run(plain_only.plain_child, 2) == 4
    finally:
        await world.close()


def test_context_variables_and_the_current_task_are_those_of_the_branch() -> None:
    """E13: plain code runs in its task's context: what a branch sets, another does not see."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    @workflow("sets")
    def sets() -> list[str]:
        def branch(value: str) -> str:
            variable.set(value)
            before = asyncio.current_task()
            echo(value)
            assert asyncio.current_task() is before is not None
            return variable.get()

        return [*together(partial(branch, "a"), partial(branch, "b")), variable.get()]

    done = Played(sets).complete_all().history[-1].event()
    assert isinstance(done, ev.ExecutionCompleted), done
    assert bytes(done.result) == b'["a","b","unset"]'


def test_cancelling_runs_finally_blocks_that_call_steps() -> None:
    """C14, D12: CancelledError is raised where plain code waits, and its cleanup is recorded."""

    @workflow("tidies")
    def tidies() -> None:
        try:
            echo("long")
        finally:
            echo("tidy")

    played = Played(tidies)
    played.give(ev.CancelRequested(reason="enough"))
    played.complete_all()
    assert played.types()[2:] == [
        "cancel_requested", "step_cancelled", "step_scheduled", "step_completed", "execution_cancelled",
    ]  # fmt: skip
    replay(tidies, played.history)


@step
async def plus_one(number: int) -> int:
    return number + 1


@step
def refuse() -> None:
    raise ValueError("refused")


@workflow
def total(numbers: list[int]) -> int:
    undone: list[str] = []
    try:
        with saga() as undo:
            undo.add(undone.append, "undone")
            refuse()
    except ValueError:
        return sum([plus_one(1), *map_steps(plus_one, numbers), *together(lambda: plus_one(5))]) + len(undone)
    return 0


def test_outside_an_engine_it_is_the_function() -> None:
    """S: a plain workflow is called as the function that it is; its steps run, the `async def` ones too."""
    assert total([1, 2]) == 2 + 2 + 3 + 6 + 1


async def test_outside_an_engine_it_is_the_function_in_async_tests_too() -> None:
    """S: the same inside a running loop."""
    assert total([1, 2]) == 2 + 2 + 3 + 6 + 1


def test_plain_code_may_wait_for_any_awaitable() -> None:
    """A1: `value_of` waits for a coroutine in plain code, and lets through what is there already."""

    async def tripled(number: int) -> int:
        return 3 * await echo(number)

    @workflow("asks")
    def asks() -> list[int]:
        return [value_of(tripled(2)), value_of(echo(5)), value_of(asyncio.sleep(1, 7))]

    done = Played(asks).complete_all().history[-1].event()
    assert isinstance(done, ev.ExecutionCompleted), done
    assert bytes(done.result) == b"[6,5,7]"
    assert value_of(asyncio.sleep(0, 9)) == 9


def test_a_coroutine_awaits_instead() -> None:
    """A1: in an `async def` workflow `value_of` could not wait; the message says what to write."""

    @workflow("wrong")
    async def wrong() -> None:
        value_of(echo(1))

    failed = Played(wrong).history[-1].event()
    assert isinstance(failed, ev.ExecutionFailedEvent)
    assert "write `await`" in failed.error.message


def test_what_yields_is_no_workflow() -> None:
    """A13: a workflow returns its result; a generator, or what is no function, is refused when it is declared."""

    def yields() -> Any:
        yield 1

    async def yields_too() -> Any:
        yield 1

    for wrong in (yields, yields_too, 7, object()):
        with pytest.raises(DefinitionError, match="an `async def` or a plain `def`"):
            workflow(wrong)  # type: ignore[call-overload]


def test_a_saga_of_the_other_form_is_refused() -> None:
    """D12: `with saga()` in an `async def` could not await what it undoes; the message says what to write."""

    @workflow("wrong")
    async def wrong() -> None:
        with saga():
            await echo(1)

    failed = Played(wrong).history[-1].event()
    assert isinstance(failed, ev.ExecutionFailedEvent)
    assert "`async with saga()`" in failed.error.message
