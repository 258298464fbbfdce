"""How a function is called, worked out once: bind a call to {parameter: value}, and back to a call.

The arguments of a call are stored as one JSON object by parameter name. `*args` is a list under its own name and
`**kwargs` an object under its own name; either is left out when empty. Parameters that the caller left to their
default are left out too: a default need not be a JSON value.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Container
from difflib import get_close_matches
from functools import cached_property
from inspect import Parameter
from typing import Any, NoReturn, NotRequired, TypedDict

from cerebelum.engine.authoring.hints import local_names, raw_annotations, resolve
from cerebelum.engine.domain.errors_payload import ArgumentError

_NOTHING = (None, type(None), NoReturn, Parameter.empty)


class CallSignature:
    """The parameters of one function, with their types.

    Types are looked up at first use, so that a function may name classes defined after it. `unresolved` then says
    which annotations could not be looked up (they count as `Any`), and why.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name: str = getattr(function, "__name__", None) or type(function).__name__
        self.unresolved: dict[str, str] = {}
        self._function = function
        self._annotations = raw_annotations(function)
        self._local_names = local_names(function, self._annotations.values())
        self._parameters = _parameters(function)
        self._positional = tuple(
            p.name for p in self._parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
        )
        self._names = frozenset(p.name for p in self._parameters)
        self._required = frozenset(p.name for p in self._parameters if _is_required(p))
        self._required_count = len(self._required)
        self._by_keyword = frozenset(
            p.name for p in self._parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        )
        self._args_name = next((p.name for p in self._parameters if p.kind is Parameter.VAR_POSITIONAL), None)
        self._kwargs_name = next((p.name for p in self._parameters if p.kind is Parameter.VAR_KEYWORD), None)
        self._simple = self._by_keyword == self._names  # every argument can go by keyword
        # positional parameters lead, so a call by position has all required ones as soon as it has this many
        self._all_positional = self._simple and len(self._positional) == len(self._parameters)

    @classmethod
    def of(cls, function: Callable[..., Any]) -> CallSignature:
        """Return the signature of `function`. Call it where the function is defined, to see local classes."""
        return cls(function)

    @property
    def takes_nothing(self) -> bool:
        """Whether the function has no parameters: its arguments are always `{}`."""
        return not self._parameters

    @cached_property
    def arguments_type(self) -> Any:
        """The annotation of the whole arguments object: `dict[str, Any]` where no parameter says more."""
        fields: dict[str, Any] = {}
        for parameter in self._parameters:
            hint = self._resolved(parameter.name)
            if parameter.kind is Parameter.VAR_POSITIONAL:
                hint = list[hint]  # type: ignore[valid-type]
            elif parameter.kind is Parameter.VAR_KEYWORD:
                hint = dict[str, hint]  # type: ignore[valid-type]
            fields[parameter.name] = hint if parameter.name in self._required else NotRequired[hint]
        if all(hint is Any or hint == NotRequired[Any] for hint in fields.values()):
            return dict[str, Any]
        arguments = TypedDict(f"{self.name} arguments", fields)  # type: ignore[misc]
        arguments.__closed__ = True  # type: ignore[attr-defined]  # as in PEP 728: other keys are refused
        return arguments

    @cached_property
    def result_type(self) -> Any:
        """The return annotation; `Any` where it is missing or None."""
        hint = self._resolved("return")
        return Any if hint in _NOTHING else hint

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by parameter name.

        Raises:
            ArgumentError: one is missing, unknown, given twice, or one too many.
        """
        count = len(args)
        if not kwargs and self._all_positional and self._required_count <= count <= len(self._positional):
            return dict(zip(self._positional, args))  # noqa: B905 - the lengths may differ: defaults
        if not args and self._simple and kwargs.keys() <= self._names and kwargs.keys() >= self._required:
            return dict(kwargs)
        return self._bind(args, kwargs)

    def call_arguments(self, decoded: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and keyword arguments to call the function with.

        Raises:
            ArgumentError: a required parameter is missing, or a name is unknown.
        """
        keys = decoded.keys()
        if keys != self._names and not (keys <= self._names and keys >= self._required):
            self._refuse_names(decoded)
        if self._simple:
            return (), decoded
        rest = list(decoded[self._args_name]) if self._args_name is not None and self._args_name in decoded else []
        more = (
            dict(decoded[self._kwargs_name]) if self._kwargs_name is not None and self._kwargs_name in decoded else {}
        )
        args: list[Any] = []
        keywords = {name: decoded[name] for name in decoded if name in self._by_keyword}
        for parameter in self._parameters:
            if parameter.kind is Parameter.POSITIONAL_ONLY or (rest and parameter.name in self._positional):
                keywords.pop(parameter.name, None)
                args.append(decoded.get(parameter.name, parameter.default))
        for name in more:
            if name in keywords or (name in self._by_keyword and name in decoded):
                self._refuse(f"got several values for argument {name!r}", name)
        return (*args, *rest), {**keywords, **more}

    def defaults_beside(self, given: Container[str]) -> dict[str, Any]:
        """Return the defaults of the parameters that are not among `given`, by name."""
        return {p.name: p.default for p in self._parameters if p.default is not Parameter.empty and p.name not in given}

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        bound = dict(zip(self._positional, args))  # noqa: B905 - *args and defaults make the lengths differ
        extra = args[len(self._positional) :]
        if extra and self._args_name is None:
            limit = len(self._positional)
            self._refuse(f"takes {limit} positional argument{'' if limit == 1 else 's'}, but {len(args)} were given")
        more: dict[str, Any] = {}
        for name, value in kwargs.items():
            if name not in self._by_keyword:
                more[name] = value
            elif name in bound:
                self._refuse(f"got several values for argument {name!r}", name)
            else:
                bound[name] = value
        if more and self._kwargs_name is None:
            self._refuse_unknown(next(iter(more)))
        if missing := [p.name for p in self._parameters if p.name in self._required and p.name not in bound]:
            self._refuse_missing(missing)
        if extra and self._args_name is not None:
            bound[self._args_name] = list(extra)
        if more and self._kwargs_name is not None:
            bound[self._kwargs_name] = more
        return bound

    def _refuse_names(self, decoded: dict[str, Any]) -> NoReturn:
        for name in decoded:
            if name not in self._names:
                self._refuse_unknown(name)
        self._refuse_missing([p.name for p in self._parameters if p.name in self._required and p.name not in decoded])

    def _refuse_unknown(self, name: str) -> NoReturn:
        close = get_close_matches(name, self._names, 1)
        hint = f"; did you mean {close[0]!r}?" if close and close[0] != name else ""
        if name in self._positional:
            hint = "; it must be given by position"
        self._refuse(f"got an unexpected argument {name!r}{hint}", name)

    def _refuse_missing(self, names: list[str]) -> NoReturn:
        shown = ", ".join(repr(name) for name in names)
        self._refuse(f"is missing argument{'' if len(names) == 1 else 's'} {shown}", names[0])

    def _refuse(self, problem: str, parameter: str = "") -> NoReturn:
        raise ArgumentError(self.name, problem, parameter=parameter)

    def _resolved(self, name: str) -> Any:
        annotation = self._annotations.get(name, Any)
        if annotation is Any or annotation is Parameter.empty:
            return Any
        try:
            return resolve(self._function, annotation, self._local_names)
        except Exception as error:  # a name only known to type checkers, a typo: the value is then plain JSON
            self.unresolved[name] = f"{annotation!r}: {error}"
            return Any


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    if sys.version_info >= (3, 14):
        import annotationlib

        signature = inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    else:
        signature = inspect.signature(function)
    return tuple(signature.parameters.values())


def _is_required(parameter: Parameter) -> bool:
    variadic = parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return parameter.default is Parameter.empty and not variadic
