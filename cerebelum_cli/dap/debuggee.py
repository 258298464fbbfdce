"""A past execution as an editor's debuggee: answers to all that is asked once it is there.

How steps are understood: step into goes to the next event; step over to the next one after which the task stands
elsewhere or has other values; step out to the one after which it has returned; step back one event back. Each stops at
breakpoints on its way. At the ends of the history it stops and stays, so that one can turn round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.dap import messages as m
from cerebelum_cli.dap.looking import MAIN, Looking
from cerebelum_cli.dap.messages import BadRequest, Message
from cerebelum_cli.dap.sources import Sources
from cerebelum_cli.dap.stops import Stops
from cerebelum_cli.dap.telling import Teller
from cerebelum_cli.dap.walk import Stop, Walk

_MOST_TARGETS = 50


class Debuggee:
    """One walk, and an editor that looks at it."""

    def __init__(self, walk: Walk, sources: Sources, editor: m.Initialize) -> None:
        self.walk, self.teller = walk, Teller()
        self._sources, self._first_line = sources, int(editor.lines_start_at1)
        self._looking = Looking(walk, sources, first_line=self._first_line, first_column=int(editor.columns_start_at1))
        self._stops = Stops(walk, sources, first_line=self._first_line)
        self._targets: list[int] = []  # events of the last `gotoTargets`
        looking, stops = self._looking, self._stops
        self._answers: dict[str, tuple[type[m.Arguments], Callable[[Any], Message]]] = {
            "threads": (m.Nothing, looking.threads),
            "stackTrace": (m.StackTrace, looking.stack),
            "scopes": (m.OfFrame, looking.scopes),
            "variables": (m.Variables, looking.variables),
            "exceptionInfo": (m.OfThread, looking.failure),
            "loadedSources": (m.Nothing, looking.sources),
            "source": (m.SourceRequest, looking.source),
            "setBreakpoints": (m.SetBreakpoints, stops.lines),
            "setExceptionBreakpoints": (m.SetExceptionBreakpoints, stops.failures),
            "dataBreakpointInfo": (m.DataBreakpointInfo, stops.data_info),
            "setDataBreakpoints": (m.SetDataBreakpoints, stops.data),
            "setFunctionBreakpoints": (m.Nothing, lambda _: {"breakpoints": []}),  # some editors do not wait to be told
            "gotoTargets": (m.GotoTargets, self._goto_targets),
        }
        self._steps: dict[str, Callable[[m.OfThread], Stop]] = {
            "continue": lambda _: walk.on(),
            "reverseContinue": lambda _: walk.reverse(),
            "next": lambda asked: walk.moved(asked.thread_id or MAIN),
            "stepIn": lambda _: walk.one(),
            "stepOut": lambda asked: walk.out(asked.thread_id or MAIN),
            "stepBack": lambda _: walk.back(),
        }

    def answer(self, request: m.Request) -> Message | None:
        """Return the body of an answer that moves nothing; None where the request is another one.

        Raises:
            BadRequest: it cannot be carried out.
        """
        found = self._answers.get(request.command)
        if found is not None:
            kind, answer = found
            return answer(m.read_arguments(request, kind))
        if request.command == "evaluate":
            asked = m.read_arguments(request, m.Evaluate)
            return None if _goes(asked) else self._looking.evaluate(asked)
        return None

    def step(self, request: m.Request) -> tuple[Message | None, Callable[[], Iterator[Message]]] | None:
        """Return the body of an answer, and what then moves and tells where it has led; None for another request.

        Raises:
            BadRequest: there is no such place.
        """
        if request.command in self._steps:
            asked, step = m.read_arguments(request, m.OfThread), self._steps[request.command]
            body = {"allThreadsContinued": True} if request.command == "continue" else None
            return body, lambda: self.stopped(step(asked), asked.thread_id)
        if request.command == "goto":
            target = m.read_arguments(request, m.Goto).target_id
            if target not in self._targets:
                raise BadRequest(f"{target} is no target of this line")
            return None, lambda: self.stopped(self.walk.jump(target))
        if request.command == "evaluate":
            version = self._version(m.read_arguments(request, m.Evaluate).expression.strip()[1:].strip())
            return {"result": f"event {version}", "variablesReference": 0}, lambda: self.stopped(
                self.walk.jump(version)
            )
        return None

    def stopped(self, stop: Stop, thread: int = 0) -> Iterator[Message]:
        """Yield what a step has led to: lines that were written on the way, and where it stands."""
        walk = self.walk
        self._looking.moved()
        yield from self.teller.up_to(walk)
        yield from self._stops.news()
        living = [task.number for task in walk.frame().tasks] or [MAIN]
        wanted = [number for number in (stop.task, thread) if number in living] or living
        text = visible(stop.text or self.where, keep_newlines=False)
        body: Message = {
            "reason": stop.reason, "description": text, "text": text, "threadId": wanted[0], "allThreadsStopped": True,
        }  # fmt: skip
        if stop.hit is not None and stop.hit.ids:
            body["hitBreakpointIds"] = list(stop.hit.ids)
        yield {"type": "event", "event": "stopped", "body": body}

    @property
    def where(self) -> str:
        """The event it stands at, in words."""
        frame = self.walk.frame()
        return f"event {frame.version} of {self.walk.total}: {frame.event} {frame.summary}".rstrip()

    def _version(self, typed: str) -> int:
        number = typed if typed.isascii() and typed.isdecimal() and len(typed) < 10 else "0"
        version = self.walk.total if typed == "$" else int(number)
        if not 1 <= version <= self.walk.total:
            raise BadRequest(f"go to which event? :1 to :{self.walk.total}, or :$ for the last")
        return version

    def _goto_targets(self, asked: m.GotoTargets) -> Message:
        """Return the events that come to a line, those that lie ahead first."""
        walk = self.walk
        places, _ = self._sources.places(asked.source, asked.line + 1 - self._first_line)
        found = sorted({version for place in places for version in walk.index.arrivals(*place)})
        ahead = [version for version in found if version > walk.at]
        self._targets = [*ahead, *(version for version in found if version <= walk.at)][:_MOST_TARGETS]
        return {"targets": [self._target(version, asked.line) for version in self._targets]}

    def _target(self, version: int, line: int) -> Message:
        frame = self.walk.frame(version)
        label = visible(f"event {version}: {frame.event} {frame.summary}".rstrip(), keep_newlines=False)
        return {"id": version, "label": label, "line": line}


def _goes(asked: m.Evaluate) -> bool:
    return asked.context == "repl" and asked.expression.strip().startswith(":")
