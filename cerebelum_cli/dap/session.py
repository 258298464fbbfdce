"""One editor's session as a state machine: a message goes in, responses and events come out. It does no I/O of its own.

What it answers with is yielded as it comes, since a walk to a far event is answered before it has arrived there.
Whatever is asked, no step runs and nothing is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from cerebelum.engine.application.replay import ExecutionReplay
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.dap import messages as m
from cerebelum_cli.dap.debuggee import Debuggee
from cerebelum_cli.dap.messages import BadRequest, Message
from cerebelum_cli.dap.sources import Sources
from cerebelum_cli.dap.walk import Stop, Walk

_ANY_TIME = frozenset({"initialize", "disconnect", "terminate"})


class Loaded(Struct, frozen=True, eq=False):
    """What a session shows: a replay, and the folders below which its files may lie."""

    replay: ExecutionReplay
    folders: Sequence[Path]


Load = Callable[[m.Launch], Loaded]
Answer = Iterator[Message]


class Session:
    """Give `handle` one message after the other.

    Args:
        load: finds the execution of a `launch`, and its code.

    Attributes:
        interrupted: set it, from any thread, to have a step that still looks stop where it is.
        ended: the editor has said goodbye.
    """

    def __init__(self, load: Load) -> None:
        self.interrupted = threading.Event()
        self.ended = False
        self._load = load
        self._seq = 0
        self._editor: m.Initialize | None = None
        self._stops_on_entry, self._is_configured = True, False
        self._debuggee: Debuggee | None = None
        self._handlers: dict[str, Callable[[m.Request], Answer]] = {
            "initialize": self._initialize,
            "launch": self._begin,
            "attach": self._begin,
            "configurationDone": self._configured,
            "pause": self._pause,
            "disconnect": self._disconnect,
            "terminate": self._terminate,
        }

    def handle(self, body: bytes) -> Answer:
        """Yield what one message leads to; whatever is wrong with it is said in the answer."""
        try:
            request = m.read_request(body)
        except BadRequest as problem:
            seq, command = m.head_of(body)
            yield self._refusal(seq, command, str(problem))
            return
        if request.type != "request":
            return  # an answer to something that is never asked, or an event that is none of an editor's
        try:
            if self._editor is None and request.command not in _ANY_TIME:
                raise BadRequest(f"{request.command!r} comes after 'initialize'")
            for message in self._handlers.get(request.command, self._asked)(request):
                yield self._numbered(message)
        except (BadRequest, CerebelumError) as problem:
            code = getattr(problem, "code", "")
            yield self._refusal(request.seq, request.command, f"{code}: {problem}" if code else str(problem))
        except Exception as error:  # the walk goes on
            bug = f"this is a bug in cerebelum, not in your flow: {type(error).__name__}: {error}"
            yield self._refusal(request.seq, request.command, bug)

    def said(self, text: str) -> Message:
        """Return a line for the editor's console."""
        body = {"category": "important", "output": f"{visible(text)}\n"}
        return self._numbered({"type": "event", "event": "output", "body": body})

    def close(self) -> None:
        """Let go of the frames. Idempotent."""
        self.ended = True
        self.interrupted.set()
        if self._debuggee is not None:
            self._debuggee.walk.close()
            self._debuggee = None

    def _initialize(self, request: m.Request) -> Answer:
        asked = m.read_arguments(request, m.Initialize)
        if asked.path_format != "path":
            raise BadRequest(f"paths as {asked.path_format!r} are not supported, only as 'path'")
        self._editor = asked
        yield _answer(request, m.CAPABILITIES)

    def _begin(self, request: m.Request) -> Answer:
        asked = m.read_arguments(request, m.Launch)
        if self._debuggee is not None:
            raise BadRequest("this session shows an execution already; end it first")
        assert self._editor is not None, "`handle` has checked it"
        loaded = self._load(asked)
        walk = Walk(loaded.replay, self.interrupted.is_set)
        try:
            _stand(walk, asked)
        except (BadRequest, CerebelumError):
            walk.close()
            raise
        texts = {file: text for span in loaded.replay.spans for file, text in span.code.sources.items()}
        self._debuggee = Debuggee(walk, Sources(texts, loaded.folders), self._editor)
        self._stops_on_entry = asked.stop_on_entry
        yield _answer(request)
        yield from self._debuggee.teller.greet(loaded.replay)
        yield {"type": "event", "event": "initialized"}

    def _configured(self, request: m.Request) -> Answer:
        shown = self._there(request)
        if self._is_configured:
            raise BadRequest("'configurationDone' was said already")
        self._is_configured = True
        yield _answer(request)
        yield from shown.stopped(Stop("entry") if self._stops_on_entry else shown.walk.on(inclusive=True))

    def _asked(self, request: m.Request) -> Answer:
        if request.command not in m.ANSWERED:
            raise BadRequest(f"{request.command!r} is not supported")
        shown = self._there(request)
        body = shown.answer(request)
        if body is not None:
            yield _answer(request, body)
            return
        if not self._is_configured:
            raise BadRequest(f"{request.command!r} comes after 'configurationDone'")
        found = shown.step(request)
        assert found is not None, "a request is answered, or moves"
        answer, go = found
        yield _answer(request, answer)
        yield from go()

    def _pause(self, request: m.Request) -> Answer:
        """By now the step that was under way has stopped, and said so."""
        self._there(request)
        self.interrupted.clear()
        yield _answer(request)

    def _disconnect(self, request: m.Request) -> Answer:
        yield _answer(request)
        self.close()

    def _terminate(self, request: m.Request) -> Answer:
        yield _answer(request)
        yield {"type": "event", "event": "terminated"}
        self.close()

    def _there(self, request: m.Request) -> Debuggee:
        if self._debuggee is None:
            raise BadRequest(f"{request.command!r} comes after 'launch'")
        return self._debuggee

    def _refusal(self, seq: int, command: str, problem: str) -> Message:
        shown = visible(problem)
        error = {"id": 1, "format": shown.replace("{", "(").replace("}", ")"), "showUser": True}  # {} are placeholders
        return self._numbered({
            "type": "response", "request_seq": seq, "command": command, "success": False, "message": shown,
            "body": {"error": error},
        })  # fmt: skip

    def _numbered(self, message: Message) -> Message:
        self._seq += 1
        return {"seq": self._seq, **message}


def _stand(walk: Walk, asked: m.Launch) -> None:
    """Go where the launch says."""
    wanted = asked.at
    if wanted == "failure":
        walk.reach(walk.total)
        wanted = walk.index.previous_failure(walk.total + 1) or walk.total
    elif wanted == "end":
        wanted = walk.total
    if not 1 <= wanted <= walk.total:
        raise BadRequest(f"there is no event {wanted}: there are {walk.total}, numbered from 1")
    there = wanted if walk.reach(wanted) else len(walk.frames)
    if there == 0:
        raise (
            walk.problem if isinstance(walk.problem, CerebelumError) else BadRequest(f"nothing to show: {walk.problem}")
        )
    walk.at = there


def _answer(request: m.Request, body: Message | None = None) -> Message:
    found: Message = {"type": "response", "request_seq": request.seq, "command": request.command, "success": True}
    return {**found, "body": body} if body else found
