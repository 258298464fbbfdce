"""A scripted editor: speaks the Debug Adapter Protocol to a real process, over its standard streams or over TCP."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from cerebelum_cli.dap.framing import FrameReader
from tests.cli.cli_project import Project, command, environ

TIMEOUT_S = 30


class Editor:
    """Sends requests, reads what comes. What came beside an answer is kept in `events`."""

    def __init__(self, send: Callable[[bytes], Any], receive: Callable[[], bytes]) -> None:
        self._send, self._receive = send, receive
        self._reader, self._bodies = FrameReader(), list[bytes]()
        self._seq, self.last_seq = 0, 0
        self.events: list[dict[str, Any]] = []

    def send(self, command: str, **arguments: Any) -> int:
        """Send a request; return its number."""
        self._seq += 1
        self.send_raw({"seq": self._seq, "type": "request", "command": command, "arguments": arguments})
        return self._seq

    def send_raw(self, message: Any) -> None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._send(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def read(self) -> dict[str, Any]:
        """Return the next message; every one is numbered in turn."""
        while not self._bodies:
            data = self._receive()
            assert data, "the adapter has gone"
            self._bodies += self._reader.feed(data)
        message: dict[str, Any] = json.loads(self._bodies.pop(0))
        assert message["seq"] == self.last_seq + 1
        self.last_seq += 1
        return message

    def answer(self, seq: int) -> dict[str, Any]:
        """Return the answer to a request, whole."""
        while True:
            message = self.read()
            if message["type"] == "response":
                assert message["request_seq"] == seq
                return message
            self.events.append(message)

    def ask(self, command: str, **arguments: Any) -> Any:
        """Send a request that must be granted; return the body of its answer."""
        answer = self.answer(self.send(command, **arguments))
        assert answer["success"], answer
        assert answer["command"] == command
        return answer.get("body")

    def refused(self, command: str, **arguments: Any) -> str:
        """Send a request that must be refused; return the message."""
        answer = self.answer(self.send(command, **arguments))
        assert not answer["success"], answer
        assert answer["body"]["error"]["format"]
        return str(answer["message"])

    def event(self, name: str) -> Any:
        """Return the body of the next event of a name, read already or not."""
        while True:
            for number, message in enumerate(self.events):
                if message["event"] == name:
                    del self.events[number]
                    return message.get("body")
            self.events.append(self.read())

    # -- what editors do ----------------------------------------------------------------------------------------------
    def begin(self, *, lines: dict[str, list[int]] | None = None, failures: bool = False, **launch: Any) -> Any:
        """Open a session, set breakpoints, and return where it stops first and what came of the breakpoints."""
        self.ask("initialize", adapterID="cerebelum", clientID="tests", linesStartAt1=True, pathFormat="path")
        self.ask("launch", **launch)
        self.event("initialized")
        set_ = [point for path, of in (lines or {}).items() for point in self.set_lines(path, *of)]
        self.ask("setExceptionBreakpoints", filters=["failures"] if failures else [])
        self.ask("configurationDone")
        return self.event("stopped"), set_

    def set_lines(self, path: str, *lines: int, **more: Any) -> Any:
        points = [{"line": line, **more} for line in lines]
        return self.ask("setBreakpoints", source={"path": path}, breakpoints=points)["breakpoints"]

    def step(self, command: str, **arguments: Any) -> Any:
        """Take a step; return the body of the event that says where it has led."""
        self.ask(command, threadId=1, **arguments)
        return self.event("stopped")

    def stack(self, thread: int = 1) -> Any:
        return self.ask("stackTrace", threadId=thread)["stackFrames"]

    def scopes(self, thread: int = 1) -> dict[str, Any]:
        frame = self.stack(thread)[0]["id"]
        return {scope["name"].partition(":")[0]: scope for scope in self.ask("scopes", frameId=frame)["scopes"]}

    def variables(self, scope: str = "Locals", thread: int = 1) -> dict[str, str]:
        found = self.scopes(thread)[scope]["variablesReference"]
        return {each["name"]: each["value"] for each in self.inside(found)}

    def inside(self, reference: int, **page: Any) -> Any:
        return self.ask("variables", variablesReference=reference, **page)["variables"]

    @property
    def at(self) -> int:
        """The event it stands at."""
        return int(self.variables("Execution")["event"].partition(" ")[0])


class StdioEditor(Editor):
    """Starts its adapter, as editors do."""

    def __init__(self, project: Project, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            command(*words), cwd=project.folder, env=environ(**environment),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        super().__init__(self._write, self._read)

    def _read(self) -> bytes:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_S)
        assert ready, f"nothing came for {TIMEOUT_S} s"
        return os.read(self.process.stdout.fileno(), 65_536)

    def _write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Close the adapter's input; return its exit code and what it has said on standard error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        code = self.process.wait(TIMEOUT_S)
        said = self.process.stderr.read().decode()
        self.process.stderr.close()
        self.process.stdout.close()
        return code, said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.end()


class TcpEditor(Editor):
    """Connects to an adapter that runs."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        super().__init__(self.socket.sendall, lambda: self.socket.recv(65_536))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()


def port_of(process: subprocess.Popen[str]) -> int:
    """Return the port that an adapter says it listens on."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "editors connect to 127.0.0.1:" in line, line + process.stderr.read()
    return int(line.partition("127.0.0.1:")[2].partition(" ")[0])


@contextmanager
def listening(project: Project, *words: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Start an adapter that editors connect to."""
    process = project.start("replay", *words, "--dap-port", "0")
    try:
        yield port_of(process), process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_S)
