"""The session as a state machine, without I/O: what it answers to whatever comes, and what a walk shows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cerebelum.connect import make_codec, open_store
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.replay import ExecutionReplay, replay_execution
from cerebelum.engine.runtime.frames import Frame
from cerebelum_cli.dap.looking import as_json
from cerebelum_cli.dap.messages import CAPABILITIES
from cerebelum_cli.dap.session import Loaded, Session
from tests.engine.application import long_history
from tests.engine.world import World
from tests.flows import defined, graphs, primitives, replayed
from tests.flows.plain import replayed as plain_replayed

FLOWS: list[tuple[Any, tuple[Any, ...]]] = [
    (primitives.gathers, ()),
    (replayed.orders, ("hunter2",)),
    (replayed.compensates, ()),
    (replayed.begins_anew, ()),
    (plain_replayed.retries, ()),
    (graphs.at_once, ()),
    (graphs.looped, ()),
    (defined.doubles, ({"numbers": [1, 2, 3]},)),
]
STEPS = ("next", "stepIn", "stepOut", "stepBack", "continue", "reverseContinue")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An engine on a store in memory."""
    world = await World.open("memory://")
    yield world
    await world.close()


async def replay_of(world: World, flow: Any, *args: Any) -> ExecutionReplay:
    handle = await world.client.start(flow, *args)
    await world.until(handle, lambda view: view.row.ended)
    return await replay_execution(world.engine, handle.id)


class Talk:
    """Puts requests to a session and checks the form of all that comes back."""

    def __init__(self, session: Session) -> None:
        self.session, self._asked, self._seen = session, 0, 0

    def raw(self, body: bytes) -> list[dict[str, Any]]:
        messages = [json.loads(as_json(message)) for message in self.session.handle(body)]
        for message in messages:
            self._seen += 1
            assert message["seq"] == self._seen
            assert message["type"] in ("response", "event")
            if message["type"] == "response":
                assert {"request_seq", "command", "success"} <= set(message)
                assert message["success"] or message["message"]
        return messages

    def __call__(self, command: str, **arguments: Any) -> list[dict[str, Any]]:
        self._asked += 1
        return self.raw(
            json.dumps({"seq": self._asked, "type": "request", "command": command, "arguments": arguments}).encode()
        )

    def ask(self, command: str, **arguments: Any) -> Any:
        answer = self(command, **arguments)[0]
        assert answer["success"], answer
        return answer.get("body")

    def begin(self, **launch: Any) -> None:
        self.ask("initialize", adapterID="tests")
        self.ask("launch", **launch)
        self.ask("configurationDone")


@contextmanager
def talk_about(replay: ExecutionReplay) -> Iterator[Talk]:
    session = Session(lambda _: Loaded(replay, []))
    try:
        yield Talk(session)
    finally:
        session.close()


def shown(talk: Talk) -> dict[str, list[tuple[str, int, dict[str, str]]]]:
    """Return what an editor would show: for each thread the line and the locals of each function, innermost first."""
    found = {}
    for thread in talk.ask("threads")["threads"]:
        stack = talk.ask("stackTrace", threadId=thread["id"])["stackFrames"]
        entries = []
        for entry in stack:
            scope = talk.ask("scopes", frameId=entry["id"])["scopes"][0]
            inside = talk.ask("variables", variablesReference=scope["variablesReference"])["variables"]
            entries.append((entry["name"], entry["line"], {each["name"]: each["value"] for each in inside}))
        found[thread["name"]] = entries
    return found


def wanted(frame: Frame) -> dict[str, list[tuple[str, int, dict[str, str]]]]:
    return {
        task.task: [(entry.function, entry.line, entry.locals) for entry in reversed(task.stack)]
        for task in frame.tasks
    }


@pytest.mark.parametrize("flow, args", FLOWS, ids=lambda value: getattr(value, "name", ""))
async def test_any_walk_shows_what_a_fresh_replay_shows(world: World, flow: Any, args: tuple[Any, ...]) -> None:
    """E17, W5, W7: after any steps, back, forth and by jumps, lines and locals are those of a new replay up to the event."""
    replay = await replay_of(world, flow, *args)
    frames = {}
    for version in range(1, replay.event_count + 1):
        *_, frames[version] = await replay_execution(world.engine, replay.row.id, to_version=version)
    moves = st.lists(st.sampled_from(STEPS) | st.integers(1, replay.event_count), max_size=20)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(moves, st.booleans())
    def walk(taken: list[Any], failures: bool) -> None:
        with talk_about(replay) as talk:
            talk.begin()
            talk.ask("setExceptionBreakpoints", filters=["failures"] if failures else [])
            for move in taken:
                if isinstance(move, int):
                    messages = talk("evaluate", expression=f":{move}", context="repl")
                else:
                    messages = talk(move, threadId=1)
                assert [message["event"] for message in messages[1:]][-1] == "stopped"
                debuggee = talk.session._debuggee
                assert debuggee is not None
                frame = frames[debuggee.walk.at]
                if isinstance(move, int):
                    assert frame.version == move
                if frame.tasks and all(task.stack for task in frame.tasks):
                    assert shown(talk) == wanted(frame)

    walk()


@pytest.mark.parametrize("flow, args", FLOWS, ids=lambda value: getattr(value, "name", ""))
async def test_both_directions_stop_at_the_same_events(world: World, flow: Any, args: tuple[Any, ...]) -> None:
    """W5, W7: whichever lines, variables and failures are stopped at, going back passes the stops of going forth."""
    replay = await replay_of(world, flow, *args)
    with talk_about(replay) as talk:
        talk.begin()
        debuggee = talk.session._debuggee
        assert debuggee is not None
        walk = debuggee.walk
        walk.reach(walk.total)
        files = {
            entry.file
            for version in range(1, walk.total + 1)
            for task in walk.frame(version).tasks
            for entry in task.stack
        }
        lines = {file: walk.index.lines(file) for file in files}
        names = list(walk.index.names)

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def stops(data: st.DataObject) -> None:
            for file, known in lines.items():
                wanted = data.draw(st.sets(st.sampled_from(known)))
                talk.ask(
                    "setBreakpoints", source={"path": file}, breakpoints=[{"line": line} for line in sorted(wanted)]
                )
            chosen = data.draw(st.sets(st.sampled_from(names), max_size=3)) if names else set()
            talk.ask("setDataBreakpoints", breakpoints=[{"dataId": name} for name in sorted(chosen)])
            talk.ask("setExceptionBreakpoints", filters=data.draw(st.sampled_from([[], ["failures"]])))
            walk.at = 1
            forth = [walk.at for _ in range(walk.total) if talk("continue")[-1]["body"]["reason"] != "pause"]
            assert walk.at == walk.total
            back = [walk.at for _ in range(walk.total) if talk("reverseContinue")[-1]["body"]["reason"] != "entry"]
            assert walk.at == 1
            assert set(forth) - {walk.total} == set(back) - {1}
            assert forth == sorted(forth)
            assert back == sorted(back, reverse=True)

        stops()


@pytest.mark.parametrize("flow, args", FLOWS, ids=lambda value: getattr(value, "name", ""))
async def test_a_step_over_passes_nothing_of_its_task(world: World, flow: Any, args: tuple[Any, ...]) -> None:
    """W5: at every event between, the task stands where it stood and has the values that it had; at the last it does not."""
    with talk_about(await replay_of(world, flow, *args)) as talk:
        talk.begin()
        debuggee = talk.session._debuggee
        assert debuggee is not None
        walk = debuggee.walk

        def main_at(version: int) -> Any:
            task = next((task for task in walk.frame(version).tasks if task.number == 1), None)
            return task and [(entry.line, entry.function, entry.locals) for entry in task.stack]

        while True:
            before = walk.at
            stopped = talk("next", threadId=1)[-1]["body"]
            if stopped["reason"] == "pause":
                break
            assert walk.at > before
            assert all(main_at(version) == main_at(before) for version in range(before, walk.at))
            assert main_at(walk.at) is None or main_at(walk.at) != main_at(before)
        assert walk.at == walk.total


@pytest.mark.parametrize(
    "body, said",
    [
        (b"", "no message of the protocol"),
        (b"{", "no message of the protocol"),
        (b"[]", "no message of the protocol"),
        (b"\xff\xfe", "no message of the protocol"),
        (b"[" * 100_000, "no message of the protocol"),
        (b'{"type": "request", "command": "threads"}', "missing required field `seq`"),
        (b'{"seq": "1", "type": "request", "command": "threads"}', "Expected `int`"),
        (b'{"seq": 1, "type": "request"}', "'' is not supported"),
        (b'{"seq": 1, "type": "request", "command": "restartFrame"}', "'restartFrame' is not supported"),
        (b'{"seq": 1, "type": "request", "command": "evaluate", "arguments": {"expression": 7}}', "Expected `str`"),
        (b'{"seq": 1, "type": "request", "command": "scopes"}', "missing required field `frameId`"),
        (b'{"seq": 1, "type": "request", "command": "stackTrace", "arguments": []}', "arguments of 'stackTrace'"),
        (b'{"seq": 1, "type": "request", "command": "stackTrace", "arguments": {"threadId": 9}}', "there is no task 9"),
        (b'{"seq": 1, "type": "request", "command": "variables", "arguments": {"variablesReference": -1}}', "stands for nothing"),
        (b'{"seq": 1, "type": "request", "command": "source", "arguments": {"sourceReference": 99}}', "no source 99"),
        (b'{"seq": 1, "type": "request", "command": "launch"}', "shows an execution already"),
        (b'{"seq": 1, "type": "request", "command": "configurationDone"}', "was said already"),
        (b'{"seq": 1, "type": "request", "command": "initialize", "arguments": {"pathFormat": "uri"}}', "not supported"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_the_walk_goes_on(world: World, body: bytes, said: str) -> None:
    """W5: broken JSON, missing numbers, unknown commands, wrong arguments: one refusal each, and nothing has moved."""
    with talk_about(await replay_of(world, replayed.orders, "x")) as talk:
        talk.begin(at=3)
        (answer,) = talk.raw(body)
        assert not answer["success"]
        assert said in answer["message"]
        assert "Traceback" not in answer["message"]
        assert "bug" not in answer["message"]
        assert talk.ask("threads")["threads"]
        debuggee = talk.session._debuggee
        assert debuggee is not None
        assert debuggee.walk.at == 3


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)), st.sampled_from([*STEPS, "initialize", "launch", "setBreakpoints", "evaluate", "variables", "pause", "disconnect"]))  # fmt: skip
def test_no_arguments_are_a_bug_of_ours(arguments: Any, command: str) -> None:
    """W5: whatever JSON stands where arguments belong, before there is an execution, is answered or refused."""

    def load(_: Any) -> Loaded:
        raise AssertionError("nothing is loaded here")

    talk = Talk(Session(load))
    talk.ask("initialize", adapterID="tests")
    if command == "launch":
        arguments = [arguments]
    messages = talk.raw(json.dumps({"seq": 1, "type": "request", "command": command, "arguments": arguments}).encode())
    assert messages
    assert "bug" not in messages[0].get("message", "")


async def test_answers_and_events_of_an_editor_are_passed_over(world: World) -> None:
    """W5: nothing is ever asked of an editor, so what it answers leads to nothing."""
    with talk_about(await replay_of(world, replayed.orders, "x")) as talk:
        assert talk.raw(b'{"seq": 1, "type": "response", "request_seq": 1, "success": true, "command": "x"}') == []
        assert talk.raw(b'{"seq": 1, "type": "event", "event": "x"}') == []
        assert "comes after 'initialize'" in talk("launch")[0]["message"]
        assert talk.ask("initialize", adapterID="tests") == CAPABILITIES
        assert "comes after 'launch'" in talk("next", threadId=1)[0]["message"]
        talk.ask("launch")
        assert "comes after 'configurationDone'" in talk("next", threadId=1)[0]["message"]


async def test_an_editor_that_counts_from_nought(world: World) -> None:
    """W5: lines and columns are those of an editor whose first line is 0."""
    with talk_about(await replay_of(world, replayed.orders, "x")) as talk:
        talk.ask("initialize", adapterID="tests", linesStartAt1=False, columnsStartAt1=False)
        talk.ask("launch")
        entry = talk.ask("stackTrace", threadId=1)["stackFrames"][0]
        debuggee = talk.session._debuggee
        assert debuggee is not None
        assert entry["line"] == debuggee.walk.frame().tasks[0].stack[-1].line - 1
        assert entry["column"] == 0


@pytest.fixture
async def long_replay(tmp_path: Path) -> AsyncIterator[ExecutionReplay]:
    """Of an execution of 10,000 events, with a line in the log for each."""
    url = f"sqlite:///{tmp_path}/long.db"
    await long_history.fill(url, 10_000, 10)
    store = open_store(url)
    await store.open()
    yield await replay_execution(Engine(store, make_codec()), "long-1", definition=long_history.long)
    await store.close()


def test_a_long_history_is_walked_from_end_to_end(long_replay: ExecutionReplay) -> None:
    """W5: of 10,000 events, both ends, lines, conditions and variables are reached by one request each."""
    line = long_history.long.function.__code__.co_firstlineno + 5
    with talk_about(long_replay) as talk:
        talk.begin()
        entry = talk.ask("stackTrace", threadId=1)["stackFrames"][0]
        assert entry["line"] == line
        path = {"path": entry["source"]["path"]}
        (point,) = talk.ask(
            "setBreakpoints", source=path, breakpoints=[{"line": line, "condition": "number == 4_900"}]
        )["breakpoints"]
        assert point["verified"]
        messages = talk("continue", threadId=1)
        assert messages[-1]["body"]["hitBreakpointIds"] == [point["id"]]
        assert "lines before these: cerebelum logs long-1" in messages[1]["body"]["output"]
        assert len(messages) == 1_003
        assert talk.ask("evaluate", expression="number", context="hover")["result"] == "4900"
        assert talk("continue", threadId=1)[-1]["body"]["text"] == f"this is the last event ({long_replay.event_count})"
        assert talk("reverseContinue", threadId=1)[-1]["body"]["reason"] == "breakpoint"
        assert talk("reverseContinue", threadId=1)[-1]["body"]["text"] == "this is the first event"
        talk.ask("setBreakpoints", source=path, breakpoints=[])
        talk.ask("setDataBreakpoints", breakpoints=[{"dataId": "size"}])
        assert talk("continue", threadId=1)[-1]["body"]["text"] == "size changed"


def test_a_pause_stops_a_walk_where_the_replay_is(long_replay: ExecutionReplay) -> None:
    """W5: an interruption ends a continue that still waits for frames; the walk goes on from there afterwards."""
    with talk_about(long_replay) as talk:
        talk.begin()
        talk.session.interrupted.set()
        assert talk("continue", threadId=1)[-1]["body"]["reason"] == "pause"
        talk.ask("pause", threadId=1)
        assert not talk.session.interrupted.is_set()
        assert talk("continue", threadId=1)[-1]["body"]["text"] == f"this is the last event ({long_replay.event_count})"
