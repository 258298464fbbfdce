"""Transforms around JSON text: `{"$enc":["zlib","aes"],"data":"<base64>"}`, applied in that order.

A user's own object with a key "$enc" is wrapped as `{"$enc":[],"data":<the object as it is>}`, so it cannot be taken
for one of ours. JSON that this codec did not write (typed by a person) is read as an envelope only if it has exactly
these two keys.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import msgspec

from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_payload import PayloadTransformFailed
from cerebelum.engine.ports.codec import PayloadTransform

MARK = b'"$enc"'  # looked for by `find`: `in` first tries bytes as a number, and throws the exception away, each time
_PROBE = b'{"probe":"\xc3\xa9"}' * 64


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    names: list[str] = msgspec.field(name="$enc")
    data: msgspec.Raw


_decode_sealed = msgspec.json.Decoder(_Sealed).decode


class Envelope:
    """Applies and undoes transforms.

    Args:
        transforms: applied to every payload, in this order.
        also_read: only undone, where a stored payload names them (the cipher with last year's key).

    Raises:
        DefinitionError: two have one name, or one does not give back what it was given.
    """

    def __init__(self, transforms: Sequence[PayloadTransform], also_read: Sequence[PayloadTransform]) -> None:
        self._transforms = tuple(transforms)
        self._by_name = {transform.name: transform for transform in (*transforms, *also_read)}
        if len(self._by_name) != len(transforms) + len(also_read):
            raise DefinitionError("two payload transforms have the same name; each name is stored and must be unique")
        for transform in self._by_name.values():
            _probe(transform)
        self.is_active = bool(self._transforms)

    def seal(self, text: bytes, *, what: str) -> bytes:
        """Return what is stored for the JSON `text`: the text itself where no transform applies."""
        names: list[str] = []
        data = text
        for transform in self._transforms:
            try:
                changed = transform.encode(data)
            except Exception as error:
                raise PayloadTransformFailed(what, transform=transform.name, problem=f"failed: {error}") from error
            if changed is not data:
                names.append(transform.name)
                data = changed
        if names:
            head = json.dumps(names, separators=(",", ":")).encode()
            return b'{"$enc":' + head + b',"data":"' + base64.b64encode(data) + b'"}'
        return in_clear(text)

    def open(self, stored: bytes, *, what: str) -> bytes:
        """Return the JSON text in `stored`, which may or may not be wrapped."""
        try:
            sealed = _decode_sealed(stored)
        except msgspec.DecodeError:  # not an envelope: user data, in clear
            return stored
        data = bytes(sealed.data)
        if not sealed.names:
            return data
        name = sealed.names[-1]
        try:
            data = base64.b64decode(msgspec.json.decode(data, type=str), validate=True)
            for name in reversed(sealed.names):
                data = self._by_name[name].decode(data)
        except KeyError:
            problem = "is not configured here" if name not in self._by_name else "failed"
            raise PayloadTransformFailed(what, transform=name, problem=problem) from None
        except Exception as error:
            raise PayloadTransformFailed(what, transform=name, problem=f"failed: {error}") from error
        return data


def in_clear(text: bytes) -> bytes:
    """Return the JSON `text` as a codec without transforms stores it: wrapped where it could be taken for an envelope."""
    return b'{"$enc":[],"data":' + text + b"}" if text.find(MARK) >= 0 else text


def _probe(transform: PayloadTransform) -> None:
    coded = transform.encode(_PROBE)
    if coded is not _PROBE and transform.decode(coded) != _PROBE:
        raise DefinitionError(f"payload transform {transform.name!r} does not give back what it was given")
