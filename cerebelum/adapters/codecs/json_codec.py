"""`PayloadCodec` on msgspec: canonical JSON text, and a proof for every value that nothing was lost.

A value is encoded, decoded again with its annotation and compared with what came in; all three in C. Only when they
differ does Python look for the first place that JSON cannot hold, or find that the classes merely compare by identity.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

import msgspec

from cerebelum.adapters.codecs.differences import Comparison
from cerebelum.adapters.codecs.envelope import MARK, Envelope, in_clear
from cerebelum.adapters.codecs.faults import MAX_DEPTH, Encode, Fault, first_fault, unencodable_part
from cerebelum.adapters.codecs.foreign_types import encode_foreign, is_readable
from cerebelum.adapters.codecs.limits import PAYLOAD_LIMIT_BYTES, PAYLOAD_WARN_BYTES, is_deeper_than
from cerebelum.adapters.codecs.misfits import misfit_of
from cerebelum.adapters.codecs.parts import part_at
from cerebelum.adapters.codecs.paths import Path, root_of, shown, written
from cerebelum.adapters.codecs.set_order import with_sorted_sets
from cerebelum.adapters.codecs.shapes import Shape, Shapes
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_payload import PayloadMismatch, PayloadNotEncodable, PayloadTooLarge
from cerebelum.engine.ports.codec import PayloadTransform

_encode = msgspec.json.Encoder(enc_hook=encode_foreign).encode
_INT64 = 1 << 63
_decode_plain = msgspec.json.Decoder().decode


class JsonCodec:
    """Payloads as JSON text. Safe to share between threads.

    Args:
        transforms: compression and encryption, applied in this order to all that is stored.
        also_read: transforms that are only undone, where a stored payload names them.
        limit_bytes: of JSON text before transforms; above it `encode` refuses.
        warn_bytes: above it `warn` is told, once for each `what`.
        warn: takes a sentence; default: the logger "cerebelum.payloads".
    """

    def __init__(
        self,
        *,
        transforms: Sequence[PayloadTransform] = (),
        also_read: Sequence[PayloadTransform] = (),
        limit_bytes: int = PAYLOAD_LIMIT_BYTES,
        warn_bytes: int = PAYLOAD_WARN_BYTES,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self._envelope = Envelope(transforms, also_read)
        self._transforms_all = self._envelope.is_active
        self.has_transforms = self._envelope.is_active or bool(also_read)
        self._limit_bytes, self._warn_bytes = limit_bytes, min(warn_bytes, limit_bytes)
        self._warn = logging.getLogger("cerebelum.payloads").warning if warn is None else warn
        self._warned: set[str] = set()
        self._shapes = Shapes()
        self._any = self._shapes.get(Any, what="a payload")

    def encode(self, value: Any, annotation: Any = Any, *, what: str, sealed: bool = True) -> tuple[bytes, Any]:
        """Return the canonical JSON text of `value`, and the copy that decoding it gives; see the port."""
        kind = type(value)
        exact = (kind is int and -_INT64 <= value < _INT64) or kind is bool  # nothing can be lost: no proof is needed
        if exact and (annotation is kind or annotation is Any) and not self._transforms_all:
            return _encode(value), value
        shape = self._any if annotation is Any or annotation is None else self._shapes.get(annotation, what=what)
        try:
            text = _encode(value)
        except MemoryError:
            raise
        except Exception as error:
            self._refuse_unencodable(value, error, what)
        if shape.has_sets:
            text = with_sorted_sets(value, text)
        if len(text) > self._warn_bytes:
            self._check_size(len(text), what)
        try:
            copy = shape.decode(text)
        except MemoryError:
            raise
        except Exception as error:
            self._refuse_misfit(value, text, shape, error, what)
        # every level has a bracket of its own, so few brackets are few levels
        if shape.is_unlimited and text.count(b"[") + text.count(b"{") > MAX_DEPTH:
            self._check_depth(value, copy if shape.facts.is_plain else _decode_plain(text), what)
        if not shape.same(value, copy):
            self._check_parts(value, copy, shape, what)
        if self._transforms_all or text.find(MARK) >= 0:
            text = self._envelope.seal(text, what=what) if sealed else in_clear(text)
        return text, copy

    def seal(self, text: bytes, *, what: str) -> bytes:
        """Apply the transforms to text in clear; see the port."""
        return self._envelope.seal(self._opened(text, what), what=what)

    def unseal(self, data: bytes, *, what: str) -> bytes:
        """Undo the transforms; see the port."""
        return in_clear(self._opened(data, what))

    def _opened(self, data: bytes, what: str) -> bytes:
        return self._envelope.open(data, what=what) if data.find(MARK) >= 0 else data

    def decode(self, data: bytes, annotation: Any = Any, *, what: str) -> Any:
        """Return the value in `data`; see the port."""
        shape = self._any if annotation is Any or annotation is None else self._shapes.get(annotation, what=what)
        if type(data) is not bytes:
            data = bytes(data)
        if data.find(MARK) >= 0:
            data = self._envelope.open(data, what=what)
        try:
            value = shape.decode(data)
        except MemoryError:
            raise
        except Exception as error:
            path, why = misfit_of(error, data, shape.decode)
            raise PayloadMismatch(what, path=written(_root(shape, what), path), why=why) from error
        if shape.closed_keys is not None:
            self._check_keys(data, shape, what)
        return value

    def forget_annotations(self) -> None:
        """Let go of what is kept of annotations; see the port."""
        self._shapes.clear()

    def check(self, annotation: Any, *, what: str) -> None:
        """Raise `DefinitionError` if values under `annotation` could never be stored; see the port."""
        if annotation is None:
            return
        facts = self._shapes.get(annotation, what=what).facts
        for kind in facts.unknown:
            if not is_readable(kind):
                name = f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else str(kind)
                raise DefinitionError(
                    f"{what}: values of {name} cannot be stored as JSON\n  help: make it a dataclass, or pass plain data"
                )

    def _check_size(self, size_bytes: int, what: str) -> None:
        if size_bytes > self._limit_bytes:
            raise PayloadTooLarge(what, size_bytes=size_bytes, limit_bytes=self._limit_bytes)
        if what not in self._warned and len(self._warned) < 1024:
            self._warned.add(what)
            self._warn(
                f"{what} has {size_bytes:,} bytes of JSON; above {self._limit_bytes:,} it is refused. "
                f"Store large data elsewhere and pass its name"
            )

    def _check_depth(self, value: Any, tree: Any, what: str) -> None:
        if is_deeper_than(MAX_DEPTH, tree):
            general = Fault((), "...", f"it is nested deeper than {MAX_DEPTH} levels", "flatten it")
            self._refuse(_found(first_fault, value) or general, what)

    def _check_parts(self, value: Any, copy: Any, shape: Shape, what: str) -> None:
        comparison = Comparison(strict=shape.is_strict, annotate=partial(_annotation_of, what))
        if difference := _found(lambda value, _: comparison.first_difference(value, copy), value):
            self._refuse(_found(first_fault, value) or difference, what)

    def _check_keys(self, data: bytes, shape: Shape, what: str) -> None:
        assert shape.closed_keys is not None
        for key in _decode_plain(data):
            if key not in shape.closed_keys:
                known = ", ".join(sorted(shape.closed_keys))
                raise PayloadMismatch(what, path=written("", (key,)), why=f"no such argument; there are: {known}")

    def _refuse_unencodable(self, value: Any, error: Exception, what: str) -> NoReturn:
        fault = _found(first_fault, value) or unencodable_part(value, _encode, error)
        self._refuse(fault, what, cause=error)

    def _refuse_misfit(self, value: Any, text: bytes, shape: Shape, error: Exception, what: str) -> NoReturn:
        fault = _found(first_fault, value)
        if fault is None:
            path, why = misfit_of(error, text, shape.decode)
            fault = Fault(
                path,
                shown(part_at(value, path)),
                f"it does not fit its annotation: {why}",
                "give the annotated type, or correct the annotation",
            )
        self._refuse(fault, what, cause=error)

    def _refuse(self, fault: Fault, what: str, *, cause: BaseException | None = None) -> NoReturn:
        path = written(root_of(what), fault.path) or what
        raise PayloadNotEncodable(what, path=path, shown=fault.shown, why=fault.why, remedy=fault.remedy) from cause


def _found(find: Callable[[Any, Encode], Fault | None], value: Any) -> Fault | None:
    """Return what `find` finds; a value whose own code raises while it is looked into is a fault itself."""
    try:
        return find(value, _encode)
    except Exception as error:
        why = f"looking into it raised {type(error).__name__}: {shown(str(error))[1:-1]}"
        return Fault((), f"<{type(value).__name__}>", why, "turn it into plain data first")


def _root(shape: Shape, what: str) -> str:
    return root_of(what) if shape.closed_keys is None else ""


def _annotation_of(what: str, path: Path) -> str:
    """Return the remedy "annotate it", in terms of what the value is and where in it the trouble lies."""
    kind, _, of_what = what.partition(" of ")
    if kind == "result" and of_what:
        return f"annotate the return type of {of_what}"
    if kind in ("argument", "arguments", "input") and of_what:
        return f"annotate parameter {path[0]!r} of {of_what}" if path else f"annotate the parameters of {of_what}"
    return "annotate it"
