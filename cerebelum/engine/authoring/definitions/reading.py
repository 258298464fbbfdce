"""From the text of a file to plain data, and the bounds that any definition keeps.

What is read is data and nothing else: YAML's tags, aliases and odd booleans ("no") are not understood, a key that comes
twice is refused, and size and depth are checked before anybody walks through the data.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from cerebelum.engine.domain.errors_definition import DefinitionUnreadable

MOST_BYTES = 1_000_000  # of the text, or of all texts in a dict: more than that nobody wrote
MOST_VALUES = 200_000
MOST_DEPTH = 60
_MOST_BITS = 1_024
SUFFIXES = (".json", ".yaml", ".yml")


def read_text(text: str, *, shown: str, is_yaml: bool) -> Any:
    """Return the data in `text`; `shown` names it in errors.

    Raises:
        DefinitionUnreadable: it is not JSON (YAML), or is too large, or PyYAML is needed and not installed.
    """
    if len(text) > MOST_BYTES:
        raise _too_large(shown, f"it has {len(text):,} characters, {MOST_BYTES:,} are allowed")
    try:
        value = _yaml(text, shown) if is_yaml else _json(text)
    except RecursionError:
        raise _too_large(shown, f"it is nested deeper than {MOST_DEPTH} levels") from None
    except ValueError as error:
        raise DefinitionUnreadable(f"{shown} is not {'YAML' if is_yaml else 'JSON'}: {error}") from None
    check_bounds(value, shown=shown)
    return value


def check_bounds(value: Any, *, shown: str = "the definition") -> None:
    """Check that `value` is data as JSON holds it, and not too large or too deep; without recursion.

    Raises:
        DefinitionUnreadable: it is not.
    """
    level, depth, count, chars = [value], 0, 0, 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise _too_large(shown, f"it is nested deeper than {MOST_DEPTH} levels")
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                if not all(type(key) is str for key in one):
                    raise DefinitionUnreadable(f"{shown}: keys must be texts")
                count, chars = count + len(one), chars + sum(map(len, one))
                below.extend(one.values())
            elif isinstance(one, list | tuple):
                count += len(one)
                below.extend(one)
            else:
                chars += _chars(one, shown)
            if count > MOST_VALUES:
                raise _too_large(shown, f"it holds more than {MOST_VALUES:,} values")
            if chars > MOST_BYTES:
                raise _too_large(shown, f"its texts have more than {MOST_BYTES:,} characters")
        level = below


def _chars(value: Any, shown: str) -> int:
    if isinstance(value, str):
        if not value.isascii() and any(0xD800 <= ord(character) < 0xE000 for character in value):
            raise DefinitionUnreadable(f"{shown}: a text holds half a character (a lone surrogate)")
        return len(value)
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int):
        if value.bit_length() > _MOST_BITS:
            raise DefinitionUnreadable(f"{shown}: a number has too many digits")
        return 1
    if isinstance(value, float) and math.isfinite(value):
        return 1
    raise DefinitionUnreadable(f"{shown}: {_short(value)} is not data that JSON can hold")


def _short(value: Any) -> str:
    return f"a value of type {type(value).__name__}" if not isinstance(value, float) else repr(value)


def _too_large(shown: str, why: str) -> DefinitionUnreadable:
    return DefinitionUnreadable(f"{shown} is too large for a flow: {why}")


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_without_twins, parse_constant=_refuse_constant)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twin = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twin!r} comes twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _yaml(text: str, shown: str) -> Any:
    try:
        from cerebelum.engine.authoring.definitions.yaml_reading import load_yaml
    except ImportError:
        raise DefinitionUnreadable(
            f"{shown} is YAML, and PyYAML is not installed\n  help: pip install 'cerebelum[yaml]', or write it as JSON"
        ) from None
    return load_yaml(text)
