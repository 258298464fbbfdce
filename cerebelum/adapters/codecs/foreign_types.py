"""Values and annotations that msgspec does not know: pydantic models, subclasses of plain types, our own proxies.

These are msgspec's `enc_hook` and `dec_hook`. Both directions of a type must agree; where they do not, the check after
encoding finds it.
"""

from __future__ import annotations

import inspect
import typing
from collections import abc
from functools import lru_cache
from typing import Any

import msgspec

from cerebelum.adapters.codecs.parts import is_pydantic


class _AnyInstance(type):
    """msgspec checks that what a hook gives is an instance of the annotation; a proxy gives the type it stands for."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


class Proxy(metaclass=_AnyInstance):
    """Stands in an annotation for a type that msgspec cannot decode; subclasses are made per type."""

    @classmethod
    def read(cls, tree: Any) -> Any:
        """Return the value that plain JSON data stands for; ValueError if it does not fit."""
        raise NotImplementedError


def encode_foreign(value: Any) -> Any:
    """Return plain data for a value that msgspec cannot encode; NotImplementedError if there is none."""
    kind: Any = type(value)
    if is_pydantic(kind):
        # round_trip leaves out computed fields; a value that is not of its field's type fails when it is read again
        return value.model_dump(mode="json", by_alias=not _reads_by_name(kind), round_trip=True, warnings=False)
    for plain in (float, int, str):
        if isinstance(value, plain):
            return plain(value)
    raise NotImplementedError(f"{kind.__name__} is not a type that can be stored")


def decode_foreign(kind: Any, tree: Any) -> Any:
    """Return a value of the annotated type `kind` from plain JSON data; ValueError if it does not fit."""
    if kind is object:
        return tree
    if isinstance(kind, type) and issubclass(kind, Proxy):
        try:
            return kind.read(tree)
        except msgspec.ValidationError as error:  # as ValueError, msgspec adds the place where it stands
            raise ValueError(str(error)) from error
    if is_pydantic(kind):
        return _read_model(kind, tree)
    if (typing.get_origin(kind) or kind) is abc.Iterable:  # msgspec knows Collection and Sequence only
        member = (*typing.get_args(kind), Any)[0]
        return msgspec.json.decode(msgspec.json.encode(tree), type=list[member], dec_hook=decode_foreign)  # type: ignore[valid-type]
    for plain in (float, int, str):
        if isinstance(kind, type) and issubclass(kind, plain) and isinstance(tree, (plain, int)):
            return kind(tree)
    raise ValueError(f"{getattr(kind, '__name__', kind)} is not a type that can be stored")


def is_readable(kind: Any) -> bool:
    """Whether `decode_foreign` can make values of the class `kind`."""
    if not isinstance(kind, type):
        return False
    return kind is object or issubclass(kind, (Proxy, float, int, str)) or is_pydantic(kind)


def _read_model(kind: Any, tree: Any) -> Any:
    names = {"by_alias": True, "by_name": True} if _reads_by_name(kind) else {}
    try:
        return kind.model_validate_json(msgspec.json.encode(tree), **names)
    except ValueError as error:  # pydantic.ValidationError is one; in msgspec's form it says the whole path
        if not hasattr(error, "errors"):
            raise
        first = error.errors(include_url=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        raise ValueError(f"{first['msg']} - at `${place}`") from error


@lru_cache(maxsize=256)
def _reads_by_name(kind: Any) -> bool:
    """Whether this pydantic (2.11 on) can read a model by field names even where fields have aliases."""
    return "by_name" in inspect.signature(kind.model_validate_json).parameters
