"""Reads a bundle from its lines, and believes nothing: every text, number and digest in it is checked before any is used.

Nothing is written and no code runs here. What passes can be stored; what it says of itself may still be made up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import NoReturn

import msgspec

from cerebelum.engine.domain import bundles as b
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import InvalidExecutionId
from cerebelum.engine.domain.errors_bundle import BundleRefused
from cerebelum.engine.domain.ids import ExecutionId
from cerebelum.engine.domain.projection import ExecutionState, advance
from cerebelum.engine.domain.redaction import is_json_object
from cerebelum.engine.ports.store import LogLine
from cerebelum.engine.runtime.blobs import is_in_blob
from cerebelum.engine.runtime.code.bundle import SourceBundle
from cerebelum.engine.runtime.code.digest import digest_of

_LAST_INSTANT_US = 253_402_300_799_000_000  # the year 9999: what people can be shown
_MOST_INT = 2**31 - 1
_MOST_NAME_CHARS = 1_000
_TYPE = re.compile(r"[a-z][a-z_]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "stdout", "stderr"})
ReadLine = Callable[[int], bytes]  # at most so many bytes, the line's end included; b"" at the end


class BundleReader:
    """Reads one bundle.

    Args:
        name: of the file, for messages.
        read_line: see `ReadLine`.
    """

    def __init__(self, name: str, read_line: ReadLine) -> None:
        self._name, self._read_line = name, read_line
        self._line = 0
        self._digests = b.Digests()
        self.states: dict[str, ExecutionState] = {}  # what each history comes to, by id

    def read(self) -> b.Bundle:
        """Return the bundle.

        Raises:
            BundleRefused: it is damaged, too large, or holds what no bundle of ours does; says what, and in which line.
        """
        parts = self._parts()
        head = next(parts)
        if not isinstance(head, b.BundlePart):
            self._refuse("it does not begin as a bundle does")
        if head.format != b.FORMAT:
            self._refuse(f"its format is {head.format[:60]!r}; this release reads {b.FORMAT}")
        bundle = b.Bundle(head=head)
        for part in parts:
            self._take(bundle, part)
        self._check_whole(bundle)
        return bundle

    def _refuse(self, problem: str, line: int | None = None) -> NoReturn:
        raise BundleRefused(self._name, problem, line=self._line if line is None else line)

    def _parts(self) -> Iterator[b.Part]:
        """Yield all parts but the last, which must fit what came before it."""
        read_bytes = 0
        while True:
            line = self._read_line(b.MOST_LINE_BYTES + 1)
            self._line += 1
            read_bytes += len(line)
            if not line:
                problem = "it is empty" if self._line == 1 else "its end is missing: it was cut off"
                self._refuse(problem, line=0)
            if len(line) > b.MOST_LINE_BYTES or read_bytes > b.MOST_BYTES:
                self._refuse(
                    f"it is larger than any bundle: {b.MOST_LINE_BYTES:,} bytes a line, {b.MOST_BYTES:,} in all"
                )
            if not line.endswith(b"\n"):
                self._refuse(
                    "its end is missing: it was cut off here" if self._line > 1 else "it is not a bundle of Cerebelum"
                )
            part = self._decoded(line)
            if isinstance(part, b.EndPart):
                damaged = self._digests.damaged(part)
                if damaged:
                    self._refuse(f"its digest does not fit: damaged is {damaged[:200]}", line=0)
                if self._read_line(1):
                    self._refuse("something follows its end")
                return
            self._digests.add(part, line)
            yield part

    def _decoded(self, line: bytes) -> b.Part:
        try:
            part: b.Part = b.decode_part(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(f"it cannot be read: {error}" if self._line > 1 else "it is not a bundle of Cerebelum")
        for name in part.__struct_fields__:
            value = getattr(part, name)
            if isinstance(value, str):
                self._check_text(value, name)
            elif isinstance(value, int) and not 0 <= value <= _LAST_INSTANT_US:
                self._refuse(f"{name} is {value}, which is out of range")
        return part

    def _check_text(self, text: str, name: str) -> None:
        try:
            text.encode()
        except UnicodeEncodeError:
            self._refuse(f"{name} holds half a character")
        if "\0" in text:
            self._refuse(f"{name} holds a NUL character")

    def _take(self, bundle: b.Bundle, part: b.Part) -> None:
        match part:
            case b.CodePart():
                self._check_code(part)
                bundle.codes.append(part)
            case b.ExecutionPart():
                if len(bundle.members) >= b.MOST_EXECUTIONS:
                    self._refuse(f"it holds more than {b.MOST_EXECUTIONS:,} executions")
                self._check_execution(part)
                bundle.members.append(b.Member(part=part))
            case b.EventPart() | b.BlobPart() | b.LogPart():
                if not bundle.members:
                    self._refuse("it belongs to no execution")
                self._take_of(bundle.members[-1], part)
            case _:
                self._refuse("a second beginning")

    def _take_of(self, member: b.Member, part: b.EventPart | b.BlobPart | b.LogPart) -> None:
        match part:
            case b.EventPart():
                self._check_event(member, part)
                member.events.append(part)
            case b.BlobPart():
                if hashlib.sha256(part.content.encode()).hexdigest() != part.digest:
                    self._refuse(f"the blob {part.digest[:16]!r} is not what its digest says")
                if not is_json_object(part.content.encode()):
                    self._refuse(f"the blob {part.digest[:16]!r} is no event")
                member.blobs.append(part)
            case b.LogPart():
                if len(member.logs) >= b.MOST_LOG_LINES:
                    self._refuse(f"it has more than {b.MOST_LOG_LINES:,} log lines")
                if part.level not in _LEVELS or not is_json_object(part.metadata.encode()):
                    self._refuse("a log line of an unknown kind")
                if part.number > _MOST_INT or part.attempt > _MOST_INT:
                    self._refuse("a log line of a step that cannot be")
                member.logs.append(part)

    # -- executions -----------------------------------------------------------------------------------------------
    def _check_execution(self, part: b.ExecutionPart) -> None:
        try:
            ExecutionId.chosen(part.id)
            ExecutionId.chosen(part.original or part.id)
        except InvalidExecutionId:
            self._refuse(f"{part.id[:200]!r} cannot be an execution's id")
        if part.id in self.states:
            self._refuse(f"{part.id} is in it twice")
        if not 0 < part.events <= b.MOST_EVENTS:
            self._refuse(f"{part.id} has {part.events:,} events; 1 to {b.MOST_EVENTS:,} can be")
        self.states[part.id] = ExecutionState(execution_id=part.id)

    def _check_event(self, member: b.Member, part: b.EventPart) -> None:
        if part.version != len(member.events) + 1 or part.version > member.part.events:
            self._refuse(f"event {part.version} of {member.part.id} follows event {len(member.events)}")
        data = part.data.encode()
        if _TYPE.fullmatch(part.type) is None or not is_json_object(data):
            self._refuse(f"event {part.version} of {member.part.id} is no event")
        if (part.type == "execution_started") != (part.version == 1):
            self._refuse(f"event {part.version} of {member.part.id} is {part.type}: a history begins once")
        state = self.states[member.part.id]
        if state.ended_us is not None:
            self._refuse(f"event {part.version} of {member.part.id} comes after its end")
        recorded = ev.RecordedEvent(part.version, part.type, self._content(member, part, data), part.at_us)
        try:
            advance(state, recorded)
        except Exception as error:  # a history that was made up may do anything to what reads it
            self._refuse(f"event {part.version} of {member.part.id} cannot be: {type(error).__name__}: {error}"[:300])

    def _content(self, member: b.Member, part: b.EventPart, data: bytes) -> bytes:
        if not is_in_blob(ev.RecordedEvent(part.version, part.type, data, part.at_us)):
            return data
        wanted = msgspec.json.decode(data).get("$blob")
        found = next((blob for blob in member.blobs if blob.digest == wanted), None)
        if found is None:
            self._refuse(f"event {part.version} of {member.part.id} has its content in a blob that is missing")
        return found.content.encode()

    def _check_whole(self, bundle: b.Bundle) -> None:
        ids = {member.part.id for member in bundle.members}
        if bundle.head.root not in ids:
            self._refuse(f"{bundle.head.root[:200]!r}, which it is about, is not in it", line=0)
        for member in bundle.members:
            name, state = member.part.id, self.states[member.part.id]
            if len(member.events) != member.part.events or len(member.logs) != member.part.logs:
                self._refuse(
                    f"{name} has not all of its {member.part.events:,} events and {member.part.logs:,} log lines"
                )
            if state.workflow != member.part.workflow:
                self._refuse(f"{name} is of workflow {state.workflow[:100]!r}, not {member.part.workflow[:100]!r}")
            self._check_state(name, state)

    def _check_state(self, name: str, state: ExecutionState) -> None:
        texts = (state.workflow, state.code, state.queue, state.parent or "", state.current_step or "")
        if any(len(text) > _MOST_NAME_CHARS for text in texts) or not state.workflow:
            self._refuse(f"{name} has a name that is too long, or none", line=0)
        for text in texts:
            self._check_text(text, "a name")
        if not -_MOST_INT <= state.priority <= _MOST_INT or not 0 < state.run <= _MOST_INT:
            self._refuse(f"{name} has a priority or run that is out of range", line=0)
        if state.error is not None:
            self._check_text(state.error.message + state.error.type, "an error")

    # -- code -----------------------------------------------------------------------------------------------------
    def _check_code(self, part: b.CodePart) -> None:
        named = f"the code of {part.workflow[:100]!r}"
        if _DIGEST.fullmatch(part.digest) is None:
            self._refuse(f"{named} has no digest")
        if max(len(part.workflow), len(part.module), len(part.entrypoint)) > _MOST_NAME_CHARS:
            self._refuse(f"{named} has a name that is too long")
        try:
            bundle = SourceBundle.decode(part.source.encode())
            found = digest_of(bundle)
        except Exception as error:  # msgspec's, a syntax error, a source that is nested beyond what the parser takes
            self._refuse(f"{named} cannot be read: {type(error).__name__}: {error}"[:300])
        if found != part.digest:
            self._refuse(f"{named} is not what its digest says")
        if part.module not in bundle.modules:
            self._refuse(f"{named} holds no module {part.module[:100]!r}")


def log_line(execution_id: str, part: b.LogPart) -> LogLine:
    """Return a log line as a store takes it."""
    return LogLine(
        execution_id=execution_id, number=part.number, step=part.step, attempt=part.attempt, level=part.level,
        at_us=part.at_us, message=part.message, metadata=part.metadata.encode(),
    )  # fmt: skip
