"""The input of a flow: one object, whatever its keys. `start(flow, {"order_id": "1"})`, or `start(flow, order_id="1")`."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, NoReturn

import msgspec

from cerebelum.engine.authoring.signature import CallSignature
from cerebelum.engine.domain.errors_payload import ArgumentError


class FlowSignature(CallSignature):
    """Binds a call of a flow: its arguments are the input's keys."""

    def __init__(self, name: str) -> None:
        super().__init__(_any_input)
        self.name = name

    @property
    def takes_nothing(self) -> bool:
        return False

    @property
    def arguments_type(self) -> Any:
        return dict[str, Any]

    @property
    def result_type(self) -> Any:
        return Any

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the input.

        Raises:
            ArgumentError: more than one positional argument, or one that is no object with text keys.
        """
        if not args:
            return dict(kwargs)
        given = args[0]
        if len(args) > 1:
            self._refuse_input(f"takes one input object, but {len(args)} arguments were given")
        if given is None:
            return dict(kwargs)
        if not isinstance(given, Mapping):
            try:
                given = msgspec.to_builtins(given)  # a dataclass, a struct
            except (TypeError, ValueError):
                given = getattr(given, "model_dump", lambda **_: given)(mode="json")
        if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
            self._refuse_input(f"takes an object (a dict with text keys) as its input, not {type(args[0]).__name__}")
        return {**given, **kwargs}

    def call_arguments(self, decoded: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (decoded,), {}

    def defaults_beside(self, given: Container[str]) -> dict[str, Any]:  # noqa: ARG002 - as its kin
        return {}

    def _refuse_input(self, problem: str) -> NoReturn:
        raise ArgumentError(self.name, problem)


def _any_input(**input_: Any) -> None:
    """Stand for any flow."""
