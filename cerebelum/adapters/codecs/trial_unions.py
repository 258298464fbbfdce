"""Unions that msgspec refuses, because the JSON text does not name the member: decoded by trying.

`Card | Cash` of two dataclasses, `datetime | str`, a model beside anything. A member is chosen when it decodes *and*
encodes to the same data again; the codec's own check then proves that the choice was right for the value at hand.
msgspec cannot be told about unions inside a user's dataclass, so such a class is read through a shadow of itself.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from cerebelum.adapters.codecs.annotation_facts import hints_of
from cerebelum.adapters.codecs.foreign_types import Proxy, decode_foreign, encode_foreign
from cerebelum.adapters.codecs.set_order import with_sorted_sets

_encode = msgspec.json.Encoder(enc_hook=encode_foreign).encode
_decode_plain = msgspec.json.Decoder().decode

# They accept nearly everything, so they are tried after all others.
_WIDE = (dict, list, str, Any, object)


def make_decode(annotation: Any) -> Callable[[bytes], Any]:
    """Return a decoder for `annotation`.

    Raises:
        TypeError, NotImplementedError, NameError: nothing can decode it; the text says why.
    """
    try:
        return msgspec.json.Decoder(annotation, dec_hook=decode_foreign).decode
    except TypeError:
        readable = _Rewriting().readable(annotation)
        if readable is annotation:
            raise
        return msgspec.json.Decoder(readable, dec_hook=decode_foreign).decode


class _Rewriting:
    """Replaces what msgspec refuses by proxies. One object per annotation; recursive classes are met once."""

    def __init__(self) -> None:
        self._shadows: dict[Any, Any] = {}

    def readable(self, annotation: Any) -> Any:
        """Return `annotation` itself, or one like it with proxies."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin in (typing.Union, types.UnionType):
            return self._union(annotation, arguments)
        if origin in (typing.Literal, typing.ClassVar):
            return annotation
        if origin is typing.Annotated:
            inner = self.readable(arguments[0])
            return annotation if inner is arguments[0] else inner
        if origin in (typing.Required, typing.NotRequired):
            inner = self.readable(arguments[0])
            return annotation if inner is arguments[0] else _requirement(annotation, inner)
        if origin is not None and arguments:
            parts = tuple(self.readable(argument) for argument in arguments)
            unchanged = all(new is old for new, old in zip(parts, arguments, strict=True))
            return annotation if unchanged else origin[parts]
        if typing.is_typeddict(annotation):
            return self._typed_dict(annotation)
        if dataclasses.is_dataclass(annotation):
            return self._dataclass(annotation)
        return annotation

    def _union(self, annotation: Any, members: tuple[Any, ...]) -> Any:
        parts = [self.readable(member) for member in members]
        changed = any(new is not old for new, old in zip(parts, members, strict=True))
        whole = typing.Union[tuple(parts)] if changed else annotation  # noqa: UP007 - made at run time
        try:
            msgspec.json.Decoder(whole, dec_hook=decode_foreign)
        except TypeError:
            real = [part for part in parts if part is not type(None)]
            proxy = type(_union_name(real), (_TrialUnion,), {"members": real})
            return proxy | None if len(real) < len(parts) else proxy
        return whole

    def _typed_dict(self, kind: Any) -> Any:
        hints = hints_of(kind)
        parts = {name: self.readable(hint) for name, hint in hints.items()}
        if all(parts[name] is hints[name] for name in hints):
            return kind
        fields = {
            name: part if name in kind.__required_keys__ else typing.NotRequired[_bare(part)]
            for name, part in parts.items()
        }
        return typing.TypedDict(kind.__name__, fields)  # type: ignore[operator]

    def _dataclass(self, kind: Any) -> Any:
        if kind in self._shadows:
            return self._shadows[kind]
        try:
            msgspec.json.Decoder(kind, dec_hook=decode_foreign)
        except TypeError:
            proxy: Any = type(kind.__name__, (_Shadow,), {"kind": kind})
        else:
            return kind
        self._shadows[kind] = proxy
        hints = hints_of(kind)
        parts = {name: self.readable(hint) for name, hint in hints.items()}
        if all(parts[name] is hints[name] for name in hints):
            return kind  # the trouble is something else: let msgspec name it
        proxy.fields = parts
        return proxy


class _TrialUnion(Proxy):
    members: typing.ClassVar[list[Any]]

    @classmethod
    def read(cls, tree: Any) -> Any:
        text = _encode(tree)
        problems: list[str] = []
        first: list[Any] = []
        for member, decode in _decoders(cls):
            try:
                value = decode(text)
            except ValueError as error:  # msgspec.ValidationError is one
                problems.append(f"{_name(member)}: {error}")
                continue
            if _decode_plain(with_sorted_sets(value, _encode(value))) == tree:
                return value
            first.append(value)
        if first:
            return first[0]
        raise ValueError(f"Fits none of {cls.__name__} ({'; '.join(problems)})".replace(" - at `$", " at `$"))


class _Shadow(Proxy):
    kind: typing.ClassVar[Any]
    fields: typing.ClassVar[dict[str, Any]]

    @classmethod
    def read(cls, tree: Any) -> Any:
        decoded = _shadow_decode(cls)(_encode(tree))
        value = object.__new__(cls.kind)
        for field in dataclasses.fields(cls.kind):
            object.__setattr__(value, field.name, getattr(decoded, field.name))  # frozen classes too
        if hasattr(value, "__post_init__"):
            value.__post_init__()
        return value


def _decoders(union: type[_TrialUnion]) -> list[tuple[Any, Callable[[bytes], Any]]]:
    """Make the members' decoders at first use: by then recursive classes are complete."""
    made: list[tuple[Any, Callable[[bytes], Any]]] | None = union.__dict__.get("decoders")
    if made is None:
        ordered = sorted(union.members, key=_is_wide)
        made = [(member, make_decode(member)) for member in ordered]
        union.decoders = made  # type: ignore[attr-defined]
    return made


def _shadow_decode(shadow: type[_Shadow]) -> Callable[[bytes], Any]:
    made: Callable[[bytes], Any] | None = shadow.__dict__.get("made_decode")
    if made is None:
        fields = [(field.name, shadow.fields[field.name], _default(field)) for field in dataclasses.fields(shadow.kind)]
        twin = dataclasses.make_dataclass(shadow.kind.__name__, fields, kw_only=True)
        made = make_decode(twin)
        shadow.made_decode = staticmethod(made)  # type: ignore[attr-defined]
    return made


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=field.default_factory)
    return dataclasses.field(default=field.default)


def _bare(hint: Any) -> Any:
    wrapped = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
    return typing.get_args(hint)[0] if wrapped else hint


def _is_wide(member: Any) -> bool:
    origin: Any = typing.get_origin(member)
    return (member if origin is None else origin) in _WIDE


def _requirement(annotation: Any, inner: Any) -> Any:
    required = typing.get_origin(annotation) is typing.Required
    return typing.Required[inner] if required else typing.NotRequired[inner]


def _union_name(members: list[Any]) -> str:
    return " | ".join(_name(member) for member in members)


def _name(member: Any) -> str:
    return member.__name__ if isinstance(member, type) else str(member)
