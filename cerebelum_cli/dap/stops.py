"""What an editor wants to stop at: lines, failures, variables that change. Each answer says whether there is such an event."""

from __future__ import annotations

from collections.abc import Iterator

from cerebelum.engine.application.watching import parse_watch
from cerebelum.engine.domain.terminal_text import visible
from cerebelum_cli.dap import messages as m
from cerebelum_cli.dap.breakpoints import Breakpoint
from cerebelum_cli.dap.messages import Message
from cerebelum_cli.dap.sources import Sources
from cerebelum_cli.dap.walk import Walk

_SETTLE_S = 2.0  # that an answer waits for the whole history; what is known only later is told by an event


class Stops:
    """Sets the breakpoints of one walk."""

    def __init__(self, walk: Walk, sources: Sources, *, first_line: int) -> None:
        self._walk, self._sources, self._first_line = walk, sources, first_line

    def lines(self, asked: m.SetBreakpoints) -> Message:
        """Set those of a file."""
        walk, wanted = self._walk, list[Breakpoint]()
        for each in asked.breakpoints or []:
            places, message = self._sources.places(asked.source, each.line + 1 - self._first_line)
            made = Breakpoint(walk.breakpoints.new_id(), each.line, places, message=message)
            if each.condition and each.condition.strip():
                _add_condition(made, each.condition.strip())
            wanted.append(made)
        walk.breakpoints.set(asked.source.path or f"#{asked.source.source_reference}", wanted)
        walk.watch(*walk.breakpoints.watches)
        done = walk.settle(_SETTLE_S, lambda: all(self._is_come_to(made) for made in wanted if made.places))
        for made in wanted:
            made.settle(walk.index, done=done)
        return {"breakpoints": [_shown(made) for made in wanted]}

    def _is_come_to(self, made: Breakpoint) -> bool:
        return any(self._walk.index.arrivals(*place) for place in made.places)

    def failures(self, asked: m.SetExceptionBreakpoints) -> Message:
        """Set whether failures are stopped at."""
        self._walk.breakpoints.failures = "failures" in asked.filters
        return {}

    def data_info(self, asked: m.DataBreakpointInfo) -> Message:
        """Say whether one can stop where a variable changes: one of a function or of the context, by its name."""
        name = asked.name
        for sign in ("+ ", "~ ", "- "):  # as in the list of changes
            name = name.removeprefix(sign)
        if not self._walk.index.changes(name):
            return {"dataId": None, "description": f"{name!r} is no variable of a function or of the context"}
        return {"dataId": name, "description": f"where {name} changes", "accessTypes": ["write"], "canPersist": True}

    def data(self, asked: m.SetDataBreakpoints) -> Message:
        """Set the variables."""
        walk, shown = self._walk, list[Message]()
        done = walk.settle(_SETTLE_S, lambda: all(walk.index.changes(each.data_id) for each in asked.breakpoints))
        for each in asked.breakpoints:
            known = bool(walk.index.changes(each.data_id)) or not done
            message = {} if known else {"message": f"{each.data_id!r} never changes"}
            shown.append({"verified": known, **message})
        walk.breakpoints.names = [each.data_id for each in asked.breakpoints]
        return {"breakpoints": shown}

    def news(self) -> Iterator[Message]:
        """Yield an event for each line of which more is known by now."""
        for each in self._walk.breakpoints.all():
            if each.settle(self._walk.index, done=self._walk.frames.done):
                body = {"reason": "changed", "breakpoint": _shown(each)}
                yield {"type": "event", "event": "breakpoint", "body": body}


def _add_condition(made: Breakpoint, condition: str) -> None:
    try:
        parse_watch(condition)
        parse_watch(f"not not ({condition})")
    except ValueError as error:
        made.places, made.message = [], str(error)
    else:
        made.watch = f"not not ({condition})"


def _shown(made: Breakpoint) -> Message:
    found: Message = {"id": made.id, "verified": made.verified, "line": made.line}
    return {**found, "message": visible(made.message)} if made.message else found
