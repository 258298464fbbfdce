"""Answers about the event a walk stands at: threads, stacks, scopes, variables, expressions. Nothing here moves it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.runtime.frames import Frame, StackEntry
from cerebelum.engine.runtime.masking import mask_text
from cerebelum_cli.dap import messages as m
from cerebelum_cli.dap.messages import BadRequest, Message
from cerebelum_cli.dap.showing import (
    Handles,
    Shown,
    changes_of,
    context_of,
    execution_of,
    locals_of,
    of_text,
    payload_of,
)
from cerebelum_cli.dap.sources import Sources
from cerebelum_cli.dap.walk import Walk

MAIN = 1  # the thread that there always is
_NAME = re.compile(r"[^\W\d]\w*")


class Place(Struct, frozen=True):
    """An entry of a stack that an editor was shown; `entry` None: where nothing stands."""

    entry: StackEntry | None
    is_past: bool = False


class Looking:
    """Looks at one walk."""

    def __init__(self, walk: Walk, sources: Sources, *, first_line: int, first_column: int) -> None:
        self._walk, self._sources = walk, sources
        self._handles = Handles()
        self._first_line, self._first_column = first_line, first_column  # as the editor counts

    def moved(self) -> None:
        """The walk has gone on: what was handed out counts no more."""
        self._handles.clear()

    def threads(self, _: m.Arguments) -> Message:
        """Return the tasks that live, or the main one where none does."""
        tasks = [{"id": task.number, "name": _plain(task.task)} for task in self._walk.frame().tasks]
        return {"threads": tasks or [{"id": MAIN, "name": "main (not running)"}]}

    def stack(self, asked: m.StackTrace) -> Message:
        """Return a page of a task's stack, innermost function first."""
        frame = self._walk.frame()
        task = next((task for task in frame.tasks if task.number == asked.thread_id), None)
        if task is not None:
            places = [Place(entry) for entry in reversed(task.stack)] or [Place(None)]
        elif not frame.tasks and asked.thread_id == MAIN:
            places = self._last_places()
        else:
            raise BadRequest(f"there is no task {asked.thread_id} at event {frame.version}")
        first = max(0, asked.start_frame or 0)
        shown = places[first : first + asked.levels if asked.levels else None]
        return {"stackFrames": [self._frame(place, frame) for place in shown], "totalFrames": len(places)}

    def _last_places(self) -> list[Place]:
        standing = self._walk.standing()
        stacks = [task.stack for task in standing.tasks if task.stack] if standing is not None else []
        return [Place(entry, is_past=True) for entry in reversed(stacks[0])] if stacks else [Place(None)]

    def _frame(self, place: Place, frame: Frame) -> Message:
        number, entry = self._handles.add(place), place.entry
        if entry is None:
            return {"id": number, "name": frame.event, "line": 0, "column": 0, "presentationHint": "subtle"}
        return {
            "id": number,
            "name": _plain(f"{entry.function}{' (not running)' if place.is_past else ''}"),
            "line": entry.line - 1 + self._first_line,
            "column": self._first_column,
            "source": self._sources.described(entry.file),
            **({"presentationHint": "subtle"} if place.is_past else {}),
        }

    def scopes(self, asked: m.OfFrame) -> Message:
        """Return what can be opened beside an entry of a stack."""
        place = self._handles.get(asked.frame_id, Place)
        frame = self._walk.frame()
        shown = [locals_of(place.entry)] if place.entry is not None else []
        changed = changes_of(frame)
        if changed.named:
            shown.append(changed)
        if frame.context is not None:
            shown.append(context_of(frame))
        shown += [
            payload_of(self._walk.replay.event(frame.version)),
            execution_of(frame, self._walk.total, self._walk.replay.row.id),
        ]
        return {"scopes": [self._scope(each, place) for each in shown]}

    def _scope(self, shown: Shown, place: Place) -> Message:
        is_locals = shown.name == "Locals"
        return {
            "name": "Locals (the last ones)" if is_locals and place.is_past else shown.name,
            "variablesReference": self._handles.add(shown),
            "namedVariables": shown.named,
            "indexedVariables": shown.indexed,
            "expensive": False,
            **({"presentationHint": "locals"} if is_locals else {}),
        }

    def variables(self, asked: m.Variables) -> Message:
        """Return a page of what is inside."""
        return {"variables": self._handles.variables(asked)}

    def evaluate(self, asked: m.Evaluate) -> Message:
        """Return the value of an expression here, by the captured values alone: no code of the user runs.

        A plain name is looked up in the entry of the stack that was asked about first.
        """
        text = asked.expression.strip()
        place = self._handles.get(asked.frame_id, Place) if asked.frame_id is not None else Place(None)
        if place.entry is not None and text in place.entry.locals:
            found = place.entry.locals[text]
        else:
            found = self._watched(text, is_word=asked.context == "hover" and _NAME.fullmatch(text) is not None)
        return self._handles.value("result", of_text(text, found, text))

    def _watched(self, text: str, *, is_word: bool) -> str:
        """Return its value here; of what has ended, the last one."""
        frame = self._frame_with_values()
        if text in frame.watched:
            return frame.watched[text]
        if is_word and text not in frame.context_values and not _shows(frame, text):
            raise BadRequest(f"there is no variable {text!r} here")  # a word of the source: not worth a pass
        try:
            self._walk.watch(text)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        frame = self._frame_with_values()
        if text in frame.watched:
            return frame.watched[text]
        raise BadRequest(frame.watch_errors.get(text, f"{text} has no value here"))

    def _frame_with_values(self) -> Frame:
        frame = self._walk.frame()
        return frame if frame.tasks or frame.context_values else self._walk.standing() or frame

    def failure(self, _: m.Arguments) -> Message:
        """Return what failed at this event."""
        frame, walk = self._walk.frame(), self._walk
        if walk.problem is not None and walk.at >= len(walk.frames):
            return {
                "exceptionId": type(walk.problem).__name__,
                "description": _plain(str(walk.problem)),
                "breakMode": "always",
            }
        error: Any = getattr(walk.replay.event(frame.version).event(), "error", None)
        if error is None:
            raise BadRequest(f"nothing failed at event {frame.version} ({frame.event})")
        return {
            "exceptionId": _plain(error.name),
            "description": _masked(f"{frame.summary}"),
            "breakMode": "always",
            "details": {
                "message": _masked(error.message),
                "typeName": _plain(error.type),
                "stackTrace": _masked(error.traceback),
            },
        }

    def sources(self, _: m.Arguments) -> Message:
        """Return the files of all versions that ran."""
        return {"sources": [self._sources.described(file) for file in self._sources.files]}

    def source(self, asked: m.SourceRequest) -> Message:
        """Return the text that ran."""
        return {"content": self._sources.text(asked.source_reference, asked.source), "mimeType": "text/x-python"}


def _shows(frame: Frame, name: str) -> bool:
    return any(name in entry.locals for task in frame.tasks for entry in task.stack)


def _plain(text: str) -> str:
    return visible(text, keep_newlines=False)


def _masked(text: str) -> str:
    return visible(mask_text(text))


def as_json(message: Message) -> bytes:
    """Return a message as JSON; what is no Unicode text is replaced."""
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:  # a lone surrogate in a file name or a value
        import json

        return json.dumps(message).encode("ascii")
