"""What editors ask, as structs: names and types are the protocol's own; fields that are not used here are not read."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

Message = dict[str, Any]
NO_ARGUMENTS = Raw(b"{}")
A = TypeVar("A", bound="Arguments")


class BadRequest(Exception):
    """A request that cannot be carried out; the message goes to the person at the editor."""


class Request(Struct):
    """A request; `arguments` are decoded by whoever answers it."""

    seq: int
    type: str
    command: str = ""
    arguments: Raw = NO_ARGUMENTS


class Arguments(Struct, rename="camel", kw_only=True):
    """Of a request; what else is in them is passed over."""


class Nothing(Arguments):
    """No argument counts."""


class Initialize(Arguments):
    """What the editor can do."""

    client_name: str = ""
    lines_start_at1: bool = msgspec.field(default=True, name="linesStartAt1")
    columns_start_at1: bool = msgspec.field(default=True, name="columnsStartAt1")
    path_format: str = "path"


class Launch(Arguments):
    """Which past execution; of `attach` as well.

    Attributes:
        program: an execution's id, a unique beginning of it, @last or @last-failed.
        at: the event to stand at first; "end", or "failure" for the last failure.
        stop_on_entry: stop there; else go on to the first breakpoint.
        store: another store than the command line's.
    """

    program: str = ""
    at: int | Literal["end", "failure"] = 1
    stop_on_entry: bool = True
    store: str = ""


class SourceArgument(Arguments):
    """A file of the editor's, or one that it was given by reference."""

    name: str | None = None
    path: str | None = None
    source_reference: int | None = None


class SourceBreakpoint(Arguments):
    """A line to stop at."""

    line: int
    condition: str | None = None


class SetBreakpoints(Arguments):
    """All breakpoints of one file."""

    source: SourceArgument
    breakpoints: list[SourceBreakpoint] | None = None


class SetExceptionBreakpoints(Arguments):
    """Which filters are on."""

    filters: list[str] = []


class DataBreakpointInfo(Arguments):
    """May one stop where this changes?"""

    name: str
    variables_reference: int | None = None


class DataBreakpoint(Arguments):
    """Stop where this changes."""

    data_id: str


class SetDataBreakpoints(Arguments):
    """All of them."""

    breakpoints: list[DataBreakpoint]


class OfThread(Arguments):
    """A step of one thread."""

    thread_id: int = 0


class StackTrace(Arguments):
    """The stack of a thread, by pages."""

    thread_id: int
    start_frame: int | None = None
    levels: int | None = None


class OfFrame(Arguments):
    """Something about one entry of a stack."""

    frame_id: int


class Variables(Arguments):
    """What is inside, by pages."""

    variables_reference: int
    filter: Literal["indexed", "named"] | None = None
    start: int | None = None
    count: int | None = None


class Evaluate(Arguments):
    """An expression, in the order of a place."""

    expression: str
    frame_id: int | None = None
    context: str | None = None


class SourceRequest(Arguments):
    """The text of a source."""

    source_reference: int = 0
    source: SourceArgument | None = None


class GotoTargets(Arguments):
    """Where can one go on this line?"""

    source: SourceArgument
    line: int


class Goto(Arguments):
    """Go there."""

    thread_id: int = 0
    target_id: int = 0


def read_request(body: bytes) -> Request:
    """Return what a message asks.

    Raises:
        BadRequest: it is no message of the protocol.
    """
    try:
        return msgspec.json.decode(body, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"this is no message of the protocol: {error}") from None


def head_of(body: bytes) -> tuple[int, str]:
    """Return (seq, command) of a message that may be anything; 0 and "" where it has none."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Raw])
        seq = msgspec.json.decode(found.get("seq", b"0"))
        command = msgspec.json.decode(found.get("command", b'""'))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0, ""
    return (seq if type(seq) is int else 0), (command if isinstance(command, str) else "")


def read_arguments(request: Request, kind: type[A]) -> A:
    """Return the arguments of a request.

    Raises:
        BadRequest: they are not what the protocol says.
    """
    try:
        return msgspec.json.decode(request.arguments if request.arguments != b"null" else b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"arguments of {request.command!r}: {error}") from None


CAPABILITIES: Message = {
    "supportsConfigurationDoneRequest": True,
    "supportsStepBack": True,
    "supportsTerminateRequest": True,
    "supportsEvaluateForHovers": True,
    "supportsConditionalBreakpoints": True,
    "supportsDataBreakpoints": True,
    "supportsGotoTargetsRequest": True,
    "supportsLoadedSourcesRequest": True,
    "supportsExceptionInfoRequest": True,
    "supportsDelayedStackTraceLoading": True,
    "exceptionBreakpointFilters": [
        {
            "filter": "failures",
            "label": "Failures",
            "description": "Stops where an attempt of a step, a child, a compensation or the execution failed.",
            "default": True,
        }
    ],
}

# Of an execution, once there is one
ANSWERED = frozenset(
    {
        "continue", "dataBreakpointInfo", "evaluate", "exceptionInfo", "goto", "gotoTargets", "loadedSources", "next",
        "reverseContinue", "scopes", "setBreakpoints", "setDataBreakpoints", "setExceptionBreakpoints",
        "setFunctionBreakpoints", "source", "stackTrace", "stepBack", "stepIn", "stepOut", "threads", "variables",
    }
)  # fmt: skip
