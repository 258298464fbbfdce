"""The format of a bundle: one or more executions in one file of JSON lines, to be read on another machine.

Rules:
- One JSON object a line, told apart by `part`; the first is the `bundle`, the last the `end`. Nothing is compressed, no name
  in it is a path that is opened, and nothing is ever unpickled: reading a bundle is reading text.
- An event's and a blob's content is a string that holds the stored JSON as it is, so that it arrives byte for byte.
- `end` has the SHA-256 of each section (the lines of an execution's history, of its logs, of a version's code, of a blob) and
  of all lines before it. That finds damage, and says where; it does not prove who made the bundle.
- Keys are only ever added. A reader refuses a format that it does not know, and skips keys that it does not.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import msgspec
from msgspec import Struct, field

FORMAT = "cerebelum.bundle/1"
MOST_BYTES = 512 * 1024 * 1024
MOST_LINE_BYTES = 32 * 1024 * 1024
MOST_EXECUTIONS = 1_000
MOST_EVENTS = 50_000  # of one execution, as in the engine
MOST_LOG_LINES = 1_000_000


class BundlePart(Struct, tag_field="part", tag="bundle", kw_only=True, frozen=True):
    """What the bundle is: its first line.

    Attributes:
        root: the execution that was exported; the others are those it started.
        status: of the root, when it was exported.
        redacted: paths and rules of what was taken out.
        sealed: how many payloads are sealed and were not looked into for that.
        replay: "" if nothing was taken out; else whether the histories still replay, for people.
        missing: what is not in it, for people: code that was not kept, children that were not found.
    """

    format: str = FORMAT
    root: str
    status: str = ""
    exported_at_us: int = 0
    redacted: tuple[str, ...] = ()
    sealed: int = 0
    replay: str = ""
    missing: tuple[str, ...] = ()


class CodePart(Struct, tag_field="part", tag="code", kw_only=True, frozen=True):
    """A version of a workflow's code: `source` is the text of the source bundle, as the store keeps it."""

    workflow: str
    digest: str
    module: str
    entrypoint: str
    source: str


class ExecutionPart(Struct, tag_field="part", tag="execution", kw_only=True, frozen=True):
    """An execution; what follows belongs to it. Its row follows from its history, so it is not in here.

    Attributes:
        id: here.
        original: its id where it ran, which its random numbers and its children's ids are made of; "": the same.
    """

    id: str
    original: str = ""
    workflow: str
    events: int
    logs: int = 0
    scheduled_at_us: int | None = None


class EventPart(Struct, tag_field="part", tag="event", kw_only=True, frozen=True):
    """One event, byte for byte."""

    version: int
    type: str
    at_us: int
    data: str


class BlobPart(Struct, tag_field="part", tag="blob", kw_only=True, frozen=True):
    """The content of events that are too long for their row."""

    digest: str
    content: str


class LogPart(Struct, tag_field="part", tag="log", kw_only=True, frozen=True):
    """One captured line of a step."""

    number: int
    step: str
    attempt: int
    level: str
    at_us: int
    message: str
    metadata: str = "{}"


class EndPart(Struct, tag_field="part", tag="end", kw_only=True, frozen=True):
    """Digests: of each section by its name, and of all lines before this one."""

    lines: int
    sections: dict[str, str]
    digest: str


Part: TypeAlias = BundlePart | CodePart | ExecutionPart | EventPart | BlobPart | LogPart | EndPart
_encode = msgspec.json.Encoder().encode
decode_part = msgspec.json.Decoder(Part).decode


class Member(Struct, kw_only=True):
    """One execution of a bundle."""

    part: ExecutionPart
    events: list[EventPart] = field(default_factory=list)
    blobs: list[BlobPart] = field(default_factory=list)
    logs: list[LogPart] = field(default_factory=list)


class Bundle(Struct, kw_only=True):
    """A bundle in memory."""

    head: BundlePart
    codes: list[CodePart] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)


class Digests:
    """Sums up lines by section, as they are written or read."""

    def __init__(self) -> None:
        self._all = hashlib.sha256()
        self._sections: dict[str, hashlib._Hash] = {}
        self._member = ""
        self.lines = 0

    def add(self, part: Part, line: bytes) -> None:
        """Take the next line; `line` with its end."""
        if isinstance(part, ExecutionPart):
            self._member = part.id
        self.lines += 1
        self._all.update(line)
        self._sections.setdefault(self._section(part), hashlib.sha256()).update(line)

    def _section(self, part: Part) -> str:
        match part:
            case CodePart():
                return f"code of {part.workflow}@{part.digest[:16]}"
            case ExecutionPart() | EventPart():
                return f"history of {self._member}"
            case LogPart():
                return f"logs of {self._member}"
            case BlobPart():
                return f"blobs of {self._member}"
            case _:
                return "bundle"

    def end(self) -> EndPart:
        """Return the last line's part."""
        sections = {name: found.hexdigest() for name, found in self._sections.items()}
        return EndPart(lines=self.lines, sections=sections, digest=self._all.hexdigest())

    def damaged(self, told: EndPart) -> str:
        """Return what is not as `told`, "" if all is."""
        mine = self.end()
        if mine.digest == told.digest:
            return ""
        for name, digest in mine.sections.items():
            if told.sections.get(name) != digest:
                return f"the {name}" if name != "bundle" else "its first line"
        missing = sorted(told.sections.keys() - mine.sections.keys())
        return f"the {missing[0]}, which is missing" if missing else "the order of its lines"


def line_of(part: Part) -> bytes:
    """Return a part as a line of the file."""
    return _encode(part) + b"\n"
