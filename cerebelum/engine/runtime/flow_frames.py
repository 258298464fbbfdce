"""Where a flow stands: the places of its nodes, with what each was given, instead of the interpreter's own functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from types import FrameType
from typing import Any

from cerebelum.engine.authoring.flow import FlowDefinition
from cerebelum.engine.authoring.flow_interpreter import Interpreter
from cerebelum.engine.authoring.flow_state import Branch
from cerebelum.engine.authoring.flow_steps import FlowSteps, line_of
from cerebelum.engine.authoring.plain import with_plain_frames
from cerebelum.engine.domain import graph as g
from cerebelum.engine.runtime.code.definition_text import definition_text, name_line, node_lines
from cerebelum.engine.runtime.code.modules import captured_module
from cerebelum.engine.runtime.frames import (
    MAX_ENTRIES,
    MAX_LOCALS,
    StackEntry,
    chain_frames,
    entry_of,
    is_hidden,
    shown_frames,
)
from cerebelum.engine.runtime.rendering import render_named

_AT_A_NODE = (Interpreter.node.__code__, Interpreter._step.__code__)
_AT_A_CALL = FlowSteps.call.__code__
_IN_A_GRAPH = Interpreter.graph.__code__
_COUNT = re.compile(r"\[\d+\]$")


class FlowPlaces:
    """Finds the places of one flow in the file that declares it: a definition's own lines, or those of its functions."""

    def __init__(self, flow: FlowDefinition) -> None:
        code = flow.function.__code__
        captured = captured_module(flow.function.__module__)
        text = None if captured is None else definition_text(captured.source)
        self.file, self.line = code.co_filename, code.co_firstlineno
        self._lines: dict[str, int] = {}
        if text is not None:
            self._lines, self.line = node_lines(text), name_line(text)
        self._is_text = text is not None

    def stack(self, coroutine: Any) -> list[StackEntry]:
        """Return where a task of the flow stands, the outermost place first."""
        entries: list[StackEntry] = []
        for frame in islice(with_plain_frames(chain_frames(coroutine)), 100_000):
            if not is_hidden(frame):
                entries.append(self._own(frame))
            elif frame.f_code in _AT_A_NODE:
                self._enter(entries, frame.f_locals)
            elif frame.f_code is _AT_A_CALL and entries:
                entries[-1] = _with_arguments(entries[-1], frame.f_locals)
        if not entries:  # a task of the flow's machinery that stands at no node
            return [entry_of(frame) for frame in shown_frames(coroutine)[-1:]]
        return entries[-MAX_ENTRIES:]

    def scopes(self, coroutine: Any) -> list[Mapping[str, Any]]:
        """Return what names mean where a task stands, innermost first: arguments, items, the flow's input."""
        found: list[Mapping[str, Any]] = []
        for frame in islice(with_plain_frames(chain_frames(coroutine)), 100_000):
            if not is_hidden(frame):
                found.append(frame.f_locals)
            elif frame.f_code in _AT_A_NODE:
                found.append(_items(frame.f_locals))
            elif frame.f_code is _AT_A_CALL:
                found.append(dict(frame.f_locals.get("given") or {}))
        return found[::-1]

    def state(self, coroutine: Any) -> Any:
        """Return the state of a workflow of edges, as its outermost graph has it; None where there is none."""
        for frame in islice(chain_frames(coroutine), 100_000):
            if frame.f_code is _IN_A_GRAPH:
                branch = frame.f_locals.get("branch")
                return branch.state if isinstance(branch, Branch) and branch.is_state else None
        return None

    def _own(self, frame: FrameType) -> StackEntry:
        entry = entry_of(frame)
        if not self._is_text or entry.file != self.file:
            return entry
        return StackEntry(file=entry.file, line=self.line, function=entry.function, locals=entry.locals)

    def _enter(self, entries: list[StackEntry], local: Mapping[str, Any]) -> None:
        place, node = local["place"], local["node"]
        if entries and entries[-1].function == place:
            return
        file, line = self._place_of(place, node)
        shown = {name: render_named(name, value) for name, value in _items(local).items()}
        entries.append(StackEntry(file=file, line=line, function=place, locals=shown))

    def _place_of(self, place: str, node: g.Node) -> tuple[str, int]:
        if self._is_text:
            segments = (_COUNT.sub("", part) for part in reversed(place.split("/")))
            return self.file, next((self._lines[part] for part in segments if part in self._lines), self.line)
        reference = getattr(node, "function", None)
        function = getattr(reference, "function", None)
        if function is not None:
            code, line = line_of(function)
            if not code.co_filename.startswith("<"):
                return code.co_filename, line
        return self.file, self.line


def _items(local: Mapping[str, Any]) -> dict[str, Any]:
    branch: Branch = local["branch"]
    found: dict[str, Any] = {}
    if branch.has_item:
        found |= {"item": branch.item, "index": branch.index}
    if branch.iteration >= 0:
        found["iteration"] = branch.iteration
    return found


def _with_arguments(entry: StackEntry, local: Mapping[str, Any]) -> StackEntry:
    given = islice((local.get("given") or {}).items(), MAX_LOCALS)
    shown = {name: render_named(name, value) for name, value in given}
    return StackEntry(file=entry.file, line=entry.line, function=entry.function, locals=entry.locals | shown)
