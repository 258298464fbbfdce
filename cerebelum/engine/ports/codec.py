"""The payload codec: user values to canonical JSON text and back, exactly, or not at all."""

from __future__ import annotations

from typing import Any, Protocol


class PayloadCodec(Protocol):
    """Turns arguments, results and messages into JSON text for a history, and back.

    The text is one JSON value in UTF-8: it goes verbatim into an event. `annotation` is what the user's code declares;
    None counts as `Any`. `what` names the value in errors ("result of step 'charge'"); its first word is the root of
    paths ("result.items[3].price"), but arguments of a call are named by their parameter ("order.items[3].price").

    Attributes:
        has_transforms: whether what is stored may differ from the JSON text in clear (`PayloadTransform`). A cipher gives
            other bytes each time, so replay compares in clear; without transforms the engine spares itself all of it.
    """

    has_transforms: bool

    def encode(self, value: Any, annotation: Any = Any, *, what: str, sealed: bool = True) -> tuple[bytes, Any]:
        """Return the canonical JSON text of `value`, and the copy that decoding it gives.

        Args:
            sealed: whether transforms are applied; else the text is in clear, not to be stored but by way of `seal`.

        Raises:
            PayloadNotEncodable: JSON cannot hold the value exactly, or it is nested deeper than 100 levels.
            PayloadTooLarge: the text is over the limit.
            PayloadTransformFailed: an encryption or compression hook failed.
            DefinitionError: nothing can be decoded with `annotation`.
        """
        ...

    def seal(self, text: bytes, *, what: str) -> bytes:
        """Apply the transforms to text in clear, as `encode` gives it with `sealed=False`.

        Raises:
            PayloadTransformFailed: one of them failed.
        """
        ...

    def unseal(self, data: bytes, *, what: str) -> bytes:
        """Undo the transforms: the inverse of `seal`. Text in clear stays as it is.

        Raises:
            PayloadTransformFailed: as `decode`.
        """
        ...

    def decode(self, data: bytes, annotation: Any = Any, *, what: str) -> Any:
        """Return the value that `data`, made by `encode` or by hand, holds.

        Raises:
            PayloadMismatch: `data` is not JSON, or does not fit `annotation`; says which field.
            PayloadTransformFailed: it was written with a transform that is missing here, or it was tampered with.
            DefinitionError: nothing can be decoded with `annotation`.
        """
        ...

    def forget_annotations(self) -> None:
        """Let go of what is kept of annotations for speed: the code that they are of may have been replaced."""
        ...

    def check(self, annotation: Any, *, what: str) -> None:
        """Raise `DefinitionError` now if values under `annotation` could never be stored; for definition time."""
        ...


class PayloadTransform(Protocol):
    """A hook between JSON text and what is stored: encryption, compression. `decode(encode(data)) == data`.

    `encode` may return `data` itself (the same object) to say "not worth it": then the transform is not recorded for
    this payload, and `decode` is not called for it. Safe to call from several threads.

    Called on the node's event loop, never as a part of workflow code: time and randomness are the real ones, and `encode`
    may give other bytes each time. While one computes, the node waits: fetch keys beforehand.
    """

    name: str  # stored beside the data; never rename a transform that histories name

    def encode(self, data: bytes) -> bytes:
        """Return what is stored for `data`."""
        ...

    def decode(self, data: bytes) -> bytes:
        """Undo `encode`. Raise any exception for data that was tampered with."""
        ...
