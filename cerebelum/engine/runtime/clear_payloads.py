"""Payloads in clear: what workflow code asks is compared on replay, and a cipher gives other bytes each time.

Rules:
- Inside an activation nothing is sealed. The conductor seals commands as they are recorded, before any is carried out.
- Transforms run outside the activation: with real time and randomness, and free to do what workflows may not.
- A payload that cannot be unsealed (no key here) is this node's trouble. The workflow must not learn of it, since another
  node, or this one tomorrow, replays it with the key: the activation is abandoned (`WorkflowRun.abandoned`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Raw, structs

from cerebelum.engine.domain import events as ev
from cerebelum.engine.domain.errors_payload import PayloadTransformFailed
from cerebelum.engine.ports.codec import PayloadCodec
from cerebelum.engine.runtime.interception.outside import outside

C = TypeVar("C", bound=ev.Command)
_PAYLOADS: dict[type[ev.Command], str] = {
    ev.StepScheduled: "args",
    ev.ChildStarted: "input",
    ev.ContinuedAsNew: "input",
    ev.ContextChanged: "patch",
    ev.ExecutionCompleted: "result",
    ev.CheckpointCreated: "state",
    ev.UpdateCompleted: "result",
}


class ClearCodec:
    """A codec as workflow code's run sees it; only for codecs that have transforms.

    Args:
        codec: the node's.
        on_unreadable: told the error of a payload that cannot be unsealed, before it is raised.
    """

    has_transforms = False

    def __init__(self, codec: PayloadCodec, on_unreadable: Callable[[PayloadTransformFailed], None]) -> None:
        self._codec, self._on_unreadable = codec, on_unreadable
        self.check = codec.check

    def forget_annotations(self) -> None:
        """Do nothing: what is kept, the codec behind this one keeps."""

    def encode(self, value: Any, annotation: Any = Any, *, what: str, sealed: bool = False) -> tuple[bytes, Any]:
        """Return the text of `value` in clear, whatever `sealed` says; see the port."""
        return self._codec.encode(value, annotation, what=what, sealed=False)

    def decode(self, data: bytes, annotation: Any = Any, *, what: str) -> Any:
        """Return the value in `data`, sealed or not; see the port."""
        return self._codec.decode(self.unseal(data, what=what), annotation, what=what)

    def seal(self, text: bytes, *, what: str) -> bytes:
        """Return `text`: a run seals nothing."""
        return text

    def unseal(self, data: bytes, *, what: str) -> bytes:
        """Undo the transforms, outside the activation; see the port."""
        try:
            with outside():
                return self._codec.unseal(data, what=what)
        except PayloadTransformFailed as error:
            self._on_unreadable(error)
            raise


def sealed(command: C, codec: PayloadCodec) -> C:
    """Return a command as it is stored; call it outside the activation.

    Raises:
        PayloadTransformFailed: a transform failed.
    """
    return _changed(command, codec.seal)


def unsealed(command: C, codec: PayloadCodec) -> C:
    """Return a recorded command in clear, as the code asked it.

    Raises:
        PayloadTransformFailed: a transform failed, or is missing here.
    """
    return _changed(command, codec.unseal)


def without_payload(command: C) -> C:
    """Return a command that shows nothing of what was sealed, for messages."""
    field = _PAYLOADS.get(type(command))
    return command if field is None else structs.replace(command, **{field: Raw(b'"(sealed)"')})


def _changed(command: C, change: Callable[..., bytes]) -> C:
    field = _PAYLOADS.get(type(command))
    if field is None:
        return command
    changed = change(bytes(getattr(command, field)), what=f"{field} of {command.type}")
    return structs.replace(command, **{field: Raw(changed)})
