"""The input of an execution as `info()` shows it: each argument by name, as JSON holds it, defaults included."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from cerebelum.engine.authoring.workflow import WorkflowDefinition
from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_payload import PayloadNotEncodable, PayloadTooLarge
from cerebelum.engine.ports.codec import PayloadCodec


def input_by_name(
    started: ev.ExecutionStarted | None, definition: WorkflowDefinition[..., Any], codec: PayloadCodec
) -> dict[str, Any]:
    """Return the arguments given, then the defaults of those left out, in the order of the parameters.

    Defaults are those of the code that runs. One that JSON cannot hold is left out: nobody could have given it, either.
    """
    if started is None:
        return {}
    what = f"input of {definition.name!r}"
    arguments: dict[str, Any] = codec.decode(bytes(started.input), what=what)
    for name, default in definition.signature.defaults_beside(arguments).items():
        with suppress(PayloadNotEncodable, PayloadTooLarge, DefinitionError):
            text, _ = codec.encode(default, type(default), what=what, sealed=False)
            arguments[name] = codec.decode(text, what=what)
    return arguments
