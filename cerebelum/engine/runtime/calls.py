"""The arguments of a call from outside (query, update), as one JSON text: {"args": [...], "kwargs": {...}}."""

from __future__ import annotations

from typing import Any

from cerebelum.engine.authoring.signature import CallSignature
from cerebelum.engine.ports.codec import PayloadCodec


def encode_call(codec: PayloadCodec, args: tuple[Any, ...], kwargs: dict[str, Any], *, what: str) -> bytes:
    """Return the arguments as they are stored.

    Raises:
        PayloadNotEncodable, PayloadTooLarge: a value that JSON cannot hold exactly.
    """
    items = [_text(codec, value, what) for value in args]
    named = [_text(codec, name, what) + b":" + _text(codec, value, what) for name, value in kwargs.items()]
    text = b'{"args":[' + b",".join(items) + b'],"kwargs":{' + b",".join(named) + b"}}"
    return codec.seal(text, what=what)


def decode_call(
    codec: PayloadCodec, data: bytes, signature: CallSignature, *, what: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments to call a function of this signature with.

    Raises:
        ArgumentError: one is missing, unknown, or one too many.
        PayloadNotDecodable: one does not fit its annotation.
    """
    call = codec.decode(data, Any, what=what)
    bound = signature.bind(tuple(call.get("args", ())), call.get("kwargs", {}))
    plain, _ = codec.encode(bound, Any, what=what, sealed=False)
    return signature.call_arguments(codec.decode(plain, signature.arguments_type, what=what))


def _text(codec: PayloadCodec, value: Any, what: str) -> bytes:
    annotation = type(value) if declares_itself(value) else Any
    return codec.encode(value, annotation, what=what, sealed=False)[0]


def declares_itself(payload: Any) -> bool:
    """Whether the payload's own class says how it is encoded (dataclasses, structs, models)."""
    kind = type(payload)
    return kind.__module__ != "builtins" and any(
        hasattr(kind, mark) for mark in ("__dataclass_fields__", "__struct_fields__", "model_fields")
    )
