"""The configuration of each type of node, checked: what a node of a definition may say, and what it must."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import Struct

from cerebelum.engine.domain.durations import duration_us, instant_us
from cerebelum.engine.domain.errors import DefinitionError, InvalidTime
from cerebelum.engine.domain.errors_definition import ExpressionError
from cerebelum.engine.domain.expression import Expression
from cerebelum.engine.domain.queues import checked_queue
from cerebelum.engine.domain.retry import Retry

NODE_TYPES = ("function", "map", "conditional", "parallel", "sequential", "delay")
_MOST_CONCURRENCY = 10_000
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TEXT_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)", re.ASCII)
_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_STEP_KEYS = ("function", "result", "retry", "timeout", "compensate", "queue", "at_most_once")
KEYS: dict[str, tuple[str, ...]] = {
    "function": _STEP_KEYS,
    "map": (*_STEP_KEYS, "items", "concurrency"),
    "conditional": ("condition", "then", "else"),
    "parallel": ("children",),
    "sequential": ("children",),
    "delay": ("duration", "until"),
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "function": ("function",),
    "map": ("function", "items"),
    "conditional": ("condition",),
    "parallel": ("children",),
    "sequential": ("children",),
    "delay": (),
}


class NodeConfig(Struct, frozen=True):
    """A node's configuration as values that can be used; what its type has no use for is None."""

    function: str | None = None
    result: str | None = None  # the key of the state that gets what it gives
    retry: Retry | None = None
    timeout_us: int | None = None
    compensate: str | None = None
    queue: str | None = None
    at_most_once: bool | None = None
    items: str | list[Any] | None = None  # an expression, or the items themselves
    concurrency: int = 50
    condition: str | None = None
    then: str | None = None
    otherwise: str | None = None
    children: tuple[str, ...] = ()
    duration_us: int | None = None
    until_us: int | None = None

    @classmethod
    def of(cls, node_type: str, config: Any) -> tuple[NodeConfig, list[str]]:
        """Return the configuration of a node of this type, and what is wrong with it."""
        if not isinstance(config, dict):
            return cls(), [f"config must be an object, not {kind_of(config)}"]
        faults = [
            f"config has no use for {key!r}; a {node_type} node knows {', '.join(KEYS[node_type])}"
            for key in config
            if key not in KEYS[node_type]
        ]
        faults += [
            f"a {node_type} node needs {key!r} in its config" for key in REQUIRED[node_type] if key not in config
        ]
        if node_type == "delay" and ("duration" in config) == ("until" in config):
            faults.append("a delay node needs 'duration' or 'until' in its config, and not both")
        if config.get("at_most_once") is True and "retry" in config:
            faults.append("at_most_once and retry contradict each other; drop one")
        values: dict[str, Any] = {}
        for key in KEYS[node_type]:
            if key in config:
                field, read = _READERS[key]
                try:
                    values[field] = read(config[key])
                except (DefinitionError, InvalidTime, TypeError, ValueError) as error:
                    faults.append(f"{key}: {error}")
                except ExpressionError as error:
                    faults.append(f"{key}: {indented(error)}")
        return cls(**values), faults


def indented(error: ExpressionError) -> str:
    """Return the error's text as it stands in a list of faults."""
    return str(error).replace("\n", "\n    ")


def kind_of(value: Any) -> str:
    """Return what JSON calls `value`."""
    kinds = {
        dict: "an object",
        list: "a list",
        tuple: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "null",
    }
    return kinds.get(type(value), "a number")


def checked_condition(value: Any) -> str:
    """Return the text of a condition.

    Raises:
        TypeError, ValueError: it is no text, or an empty one.
        ExpressionError: it is not an expression that is allowed.
    """
    text = _text(value)
    Expression(text)
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be a text, not {kind_of(value)}")
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _function(value: Any) -> str:
    if not isinstance(value, str) or not _FUNCTION.fullmatch(value):
        raise ValueError(f'must name a function as "module:function", not {value!r}'[:200])
    if any(part.startswith("_") for part in re.split(r"[.:]", value)):
        raise ValueError(f"{value!r} is private: names with a leading underscore are not used")
    return value


def _queue(value: Any) -> str:
    return checked_queue(value, what="queue")


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"must be true or false, not {kind_of(value)}")
    return value


def _retry(value: Any) -> Retry:
    if type(value) is int:
        return Retry(max_attempts=value)
    if not isinstance(value, dict):
        raise TypeError(f"must be a number of attempts, or an object, not {kind_of(value)}")
    unknown = [key for key in value if key not in Retry.__struct_fields__]
    if unknown:
        raise ValueError(f"has no use for {unknown[0]!r}; it knows {', '.join(Retry.__struct_fields__)}")
    values: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in value.items()}
    if "max_backoff" in values:
        values["max_backoff"] = _duration(values["max_backoff"]) / 1_000_000
    try:
        return Retry(**values)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _duration(value: Any) -> int:
    if isinstance(value, str):
        found = _TEXT_DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"{value!r} is no duration: a number of seconds, or a text such as 30s, 5m, 2h, 1d"[:200])
        value = float(found[1]) * _UNITS_S[found[2]]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"must be a number of seconds, or a text such as 5m, not {kind_of(value)}")
    length_us = duration_us(value, what="it")
    if length_us > _MOST_US:
        raise ValueError("is longer than 100 years")
    return length_us


_MOST_US = 100 * 366 * 86_400 * 1_000_000


def _until(value: Any) -> int:
    return instant_us(datetime.fromisoformat(_text(value)), what="until")


def _items(value: Any) -> str | list[Any]:
    return list(value) if isinstance(value, list | tuple) else checked_condition(value)


def _deniable(value: Any) -> str:
    text = checked_condition(value)
    Expression(f"not ({text})")  # what leads to `else`: it is within the bounds, too
    return text


def _concurrency(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _MOST_CONCURRENCY:
        raise ValueError(f"must be a whole number from 1 to {_MOST_CONCURRENCY:,}")
    return value


def _children(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(child, str) for child in value):
        raise ValueError("must be a list of node ids, one or more")
    return tuple(value)


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "function": ("function", _function),
    "result": ("result", _text),
    "retry": ("retry", _retry),
    "timeout": ("timeout_us", _duration),
    "compensate": ("compensate", _function),
    "queue": ("queue", _queue),
    "at_most_once": ("at_most_once", _flag),
    "items": ("items", _items),
    "concurrency": ("concurrency", _concurrency),
    "condition": ("condition", _deniable),
    "then": ("then", _text),
    "else": ("otherwise", _text),
    "children": ("children", _children),
    "duration": ("duration_us", _duration),
    "until": ("until_us", _until),
}
