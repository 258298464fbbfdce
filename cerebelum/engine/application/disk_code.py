"""Asks a process of its own what the code on disk would do: it may fail, print, end its process, or never end at all.

Whoever looks at executions must not run what somebody is writing just now. So a child process loads the file, replays or
forks, and answers in messages; when it says nothing for long, or nobody wants to know any more, it is ended. It leaves
no module behind here. One question, one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncGenerator, Sequence
from typing import BinaryIO

import msgspec
from msgspec import Struct

from cerebelum.engine.application.history_checks import HistoryCheck
from cerebelum.engine.domain.editing import Edit
from cerebelum.engine.domain.forking import ForkPlan
from cerebelum.engine.runtime.frames import Frame

QUIET_S = 10.0  # how long it may say nothing
_LENGTH = struct.Struct(">I")
_LONGEST_BYTES = 1 << 28


class DiskReplay(Struct, frozen=True, tag="replay"):
    """Replay an execution on the code on disk; `frames`: and send what is to be seen at each event."""

    store_url: str
    execution_id: str
    frames: bool = False
    watch: tuple[str, ...] = ()


class DiskFork(Struct, frozen=True, tag="fork"):
    """Fork an execution on the code on disk; without `write`, only find out what that would do."""

    store_url: str
    execution_id: str
    at: int | str | None
    edits: tuple[Edit, ...] = ()
    write: bool = False


Question = DiskReplay | DiskFork


class DiskLoaded(Struct, frozen=True, tag="loaded"):
    """The file was loaded. `files`: all of the project's that it is made of, absolute, `shown` as people type the first."""

    shown: str
    files: tuple[str, ...]
    digest: str


class DiskVerdict(Struct, frozen=True, tag="verdict"):
    """What the history says of it. `sources`: file as in frames -> text."""

    check: HistoryCheck
    sources: dict[str, str] = {}


class DiskFrames(Struct, frozen=True, tag="frames"):
    """Frames, in order."""

    frames: list[Frame]


class DiskForked(Struct, frozen=True, tag="forked"):
    """The fork, or what it would be. `execution_id` "": nothing was written."""

    plan: ForkPlan
    execution_id: str = ""


class DiskFailed(Struct, frozen=True, tag="failed"):
    """Why it does not work: the message of an error. `line`: where in the file, `file:line`."""

    text: str
    line: str = ""


Answer = DiskLoaded | DiskVerdict | DiskFrames | DiskForked | DiskFailed
_decoder = msgspec.msgpack.Decoder(Answer)
_question_decoder = msgspec.msgpack.Decoder(Question)


def write_message(stream: BinaryIO, message: Question | Answer) -> None:
    """Write one message with its length before it."""
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_question(stream: BinaryIO) -> Question:
    """Read what is asked.

    Raises:
        EOFError: nothing is.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError("no question was asked")
    question: Question = _question_decoder.decode(stream.read(_LENGTH.unpack(head)[0]))
    return question


class DiskCode:
    """Starts a process for each question.

    Args:
        command: what answers on its standard output, asked on its standard input; it ends when that is closed.
        store_url: of the store that holds the executions.
        quiet_s: how long it may say nothing before it is ended.
    """

    def __init__(self, command: Sequence[str], store_url: str, *, quiet_s: float = QUIET_S) -> None:
        self._command, self.store_url, self._quiet_s = tuple(command), store_url, quiet_s

    async def ask(self, question: Question) -> AsyncGenerator[Answer, None]:
        """Yield the answers until there are no more; whatever went wrong is a `DiskFailed`."""
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            data = msgspec.msgpack.encode(question)
            process.stdin.write(_LENGTH.pack(len(data)) + data)
            is_answered = False
            async for answer in self._answers(process.stdout):
                is_answered = is_answered or not isinstance(answer, DiskLoaded | DiskFrames)
                yield answer
            code = await process.wait()
            if code or not is_answered:
                yield DiskFailed(f"the code ended its process, with exit code {code}, before it could be replayed")
        except TimeoutError:
            yield DiskFailed(
                f"the code did not come to an end within {self._quiet_s:g} s: it was ended. Something in it waits, or "
                "goes round for ever, while it is imported"
            )
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.stdin.close()
            with contextlib.suppress(OSError):
                await process.stdin.wait_closed()
            await process.wait()

    async def _answers(self, stream: asyncio.StreamReader) -> AsyncGenerator[Answer, None]:
        while True:
            try:
                async with asyncio.timeout(self._quiet_s):
                    head = await stream.readexactly(_LENGTH.size)
                    length = _LENGTH.unpack(head)[0]
                    if length > _LONGEST_BYTES:
                        return
                    data = await stream.readexactly(length)
            except asyncio.IncompleteReadError:
                return
            yield _decoder.decode(data)
