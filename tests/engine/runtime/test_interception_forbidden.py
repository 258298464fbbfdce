from __future__ import annotations

import _thread
import asyncio
import builtins
import cmd
import inspect
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest

from cerebelum import together, value_of, workflow
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.errors_determinism import NotDeterministic
from cerebelum.engine.runtime.interception import install
from tests.engine.runtime.played import Played
from tests.engine.runtime.workflow_code import inside

install()


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


CALLS: dict[str, Callable[[], Any]] = {
    "socket.socket()": socket.socket,
    "socket.create_connection()": lambda: socket.create_connection(("127.0.0.1", 9)),
    "socket.getaddrinfo()": lambda: socket.getaddrinfo("localhost", 80),
    "socket.gethostbyname()": lambda: socket.gethostbyname("localhost"),
    "socket.socketpair()": socket.socketpair,
    "subprocess.Popen()": lambda: subprocess.run(["true"], check=False),
    "os.system()": lambda: os.system("true"),
    "os.popen()": lambda: os.popen("true"),
    "os.fork()": os.fork,
    "os.posix_spawn()": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "os.execv()": lambda: os.execv("/bin/false", ["false"]),
    "threading.Thread.start()": lambda: threading.Thread(target=print).start(),
    "_thread.start_new_thread()": lambda: _thread.start_new_thread(print, ()),
    "input()": lambda: input("name? "),
    "time.sleep()": lambda: time.sleep(0),
}


@pytest.mark.parametrize("call", CALLS.keys())
def test_a_forbidden_call_names_itself_the_line_and_the_remedy(call: str) -> None:
    """E9: what no replay can repeat is refused before it happens, with the user's own line."""
    with inside(), pytest.raises(NotDeterministic) as caught:
        CALLS[call]()
    error = caught.value
    file, _, rest = error.line.partition(":")
    line = inspect.getsource(CALLS[call]) if inspect.isfunction(CALLS[call]) else "CALLS[call]()"
    assert (error.call, error.code, error.exit_code) == (call, "CB501", 1)
    assert file == __file__
    assert inspect.getsource(sys.modules[__name__]).splitlines()[int(rest.split(" ")[0]) - 1].strip() in line
    assert error.remedy
    assert all(part in str(error) for part in (call, error.line, error.remedy))


@pytest.mark.parametrize("call", ["connect", "connect_ex", "sendall"])
def test_an_open_socket_is_no_way_around(call: str) -> None:
    """E9: a connection that was made outside, and kept, cannot be used inside."""
    with socket.socket() as connection, inside(), pytest.raises(NotDeterministic, match=call):
        getattr(connection, call)(("127.0.0.1", 9) if call != "sendall" else b"x")


def test_an_idle_pool_is_no_way_around(pool: ThreadPoolExecutor) -> None:
    """E9: work cannot be handed to a thread that runs already."""
    assert pool.submit(int, "1").result() == 1
    with inside(), pytest.raises(NotDeterministic, match="ThreadPoolExecutor"):
        pool.submit(int, "1")


def test_a_library_is_seen_through_to_the_user_s_line() -> None:
    """E9: the line is the user's, however deep in the standard library the call is made."""
    with inside(), pytest.raises(NotDeterministic) as caught:
        urllib.request.urlopen("http://127.0.0.1:9/")
    assert caught.value.line.startswith(f"{__file__}:")
    assert caught.value.line.endswith(" in test_a_library_is_seen_through_to_the_user_s_line")


def test_outside_an_activation_everything_works(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """E9: a step may do all of it."""
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"
    assert subprocess.run(["true"], check=False).returncode == 0
    assert os.system("true") == 0
    assert pool.submit(int, "1").result() == 1
    time.sleep(0)
    monkeypatch.setattr(sys, "stdin", StringIO("Ada\n"))
    assert builtins.input() == "Ada"


def test_another_thread_may_do_it_meanwhile() -> None:
    """E9: a step's thread is not in the activation that another thread runs."""
    begin, done = threading.Event(), threading.Event()
    results: list[int] = []

    def step() -> None:
        begin.wait()
        results.append(subprocess.run(["true"], check=False).returncode)
        done.set()

    thread = threading.Thread(target=step)
    thread.start()
    with inside():
        begin.set()
        done.wait()
    thread.join()
    assert results == [0]


def test_the_prompt_of_a_debugger_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """E9: `breakpoint()` in a workflow asks its developer, not the workflow."""
    monkeypatch.setattr(sys, "stdin", StringIO("continue\n"))

    class Debugger(cmd.Cmd):  # `pdb.Pdb` is one
        def do_continue(self, _: str) -> bool:
            continued.append(True)
            return True

    continued: list[bool] = []
    with inside():
        Debugger(completekey=None).cmdloop()  # type: ignore[arg-type]
    assert continued == [True]


def test_a_plain_def_workflow_waits_without_an_await() -> None:
    """E9: `time.sleep` in plain `def` code is a timer of the workflow, in the coroutines beside it an error."""

    @workflow
    def naps() -> str:
        time.sleep(86_400)
        return "slept"

    @workflow
    def naps_in_a_coroutine() -> None:
        async def nap() -> None:
            time.sleep(1)  # noqa: ASYNC251 - refused: that is the point

        value_of(together(nap))

    played = Played(naps).complete_all()
    assert played.types() == ["execution_started", "timer_started", "timer_fired", "execution_completed"]
    refused = Played(naps_in_a_coroutine).history[-1].event()
    assert isinstance(refused, ev.ExecutionFailedEvent)
    assert refused.error.name == "NotDeterministic"


def test_a_plain_def_workflow_refuses_negative_sleeps_as_the_thread_does() -> None:
    """E9: the replacement says what the original says."""

    @workflow
    def naps() -> None:
        time.sleep(-1)

    failed = Played(naps).history[-1].event()
    assert isinstance(failed, ev.ExecutionFailedEvent)
    assert failed.error.message == "sleep length must be non-negative"


def test_signatures_survive() -> None:
    """E9: tools that look at a guarded method see the original's parameters."""
    assert "args" in inspect.signature(subprocess.Popen.__init__).parameters
    assert list(inspect.signature(threading.Thread.start).parameters) == ["self"]


async def test_asyncio_outside_keeps_its_threads_and_processes() -> None:
    """E9: the node's own loop may run threads and subprocesses."""
    assert await asyncio.to_thread(int, "7") == 7
    process = await asyncio.create_subprocess_exec("true")
    assert await process.wait() == 0


def test_the_error_needs_no_line() -> None:
    """E9: where no line is known, the message leaves it out."""
    error: CerebelumError = NotDeterministic("loop.connect()", remedy="put it in a step")
    assert str(error).splitlines() == [
        "loop.connect() cannot be replayed, so a workflow may not call it",
        "  fix: put it in a step",
    ]
