"""Takes values out of a history: each is replaced by a mark of its own type, everywhere it occurs.

Rules:
- A path names a value by the end of its way inside a payload: `card.number` is every `number` inside a `card`, at any depth;
  positions in lists do not count, and `*` stands for any one name. Above a payload's own names stands what it is: `input`,
  `args`, `result`, `payload` (of a signal), `answer`; so `result` alone is every result.
- A text becomes `[redacted]`, a number 0, a truth value false; lists and objects keep their shape. So decoding a payload
  mostly still works, and a replay mostly goes the same way; the exporter tries, and says so.
- What was taken out in one place is taken out in all: payloads, error texts, log lines. Texts of less than 4 characters
  and numbers of less than 6 digits only where their path names them, since they would be found everywhere.
- A payload that was stored sealed is opened if the codec can, and sealed again; else it stays as it is and is counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cerebelum.engine.domain.errors_bundle import RedactionRefused

MARK = "[redacted]"
RULES = ("secrets", "emails", "logs")
_PAYLOADS = frozenset(
    {"input", "args", "result", "patch", "data", "payload", "answer", "progress", "state", "resume_data", "attrs"}
)
_TEXTS = frozenset({"message", "traceback", "reason", "prompt"})
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_LEAST_TEXT, _LEAST_NUMBER = 4, 100_000
_SEGMENT = re.compile(r"[^.\s\[\]]{1,200}")


class Redactor:
    """Call `look` on everything first, then `event` and `text`.

    Args:
        paths: see the module's rules.
        hides: whether a value under a name is a secret; the rule "secrets".
        clean: takes secrets out of running text; likewise.
        emails: also take out e-mail addresses.
        unseal, seal: of the payload codec; `unseal` raises where it cannot.

    Attributes:
        changed: how many events are not as they were.
        sealed: how many payloads stayed sealed, and were not looked into.
        found: path -> how often it was found.
    """

    def __init__(
        self, paths: Sequence[str] = (), *, hides: Callable[[str, Any], bool] = lambda _, __: False,
        clean: Callable[[str], str] = lambda text: text, emails: bool = False,
        unseal: Callable[[bytes], bytes] | None = None, seal: Callable[[bytes], bytes] | None = None,
    ) -> None:  # fmt: skip
        self._paths = [(path, parse_path(path)) for path in paths]
        self._hides, self._clean, self._emails = hides, clean, emails
        self._unseal, self._seal = unseal, seal
        self._texts: set[str] = set()
        self._numbers: set[int | float] = set()
        self._pattern: re.Pattern[str] | None = None
        self._looking = False
        self.changed = self.sealed = 0
        self.found = dict.fromkeys(paths, 0)

    def look(self, data: bytes) -> None:
        """Take note of the values that an event holds under the paths."""
        self._looking = True
        try:
            self._structure(json.loads(data))
        finally:
            self._looking = False
        self._pattern = None

    def event(self, data: bytes) -> bytes:
        """Return an event's JSON object without them: the same bytes where there is nothing to take out."""
        tree = json.loads(data)
        after = self._structure(tree)
        if after == tree and repr(after) == repr(tree):  # 0 == False
            return data
        self.changed += 1
        return _dumped(after)

    def text(self, text: str) -> str:
        """Return running text without them."""
        return self._replaced(self._clean(text))

    def payload_text(self, text: str) -> str:
        """Return JSON text of a payload's kind (a log line's metadata) without them."""
        tree = json.loads(text)
        after = self._value(tree, ())
        return text if repr(after) == repr(tree) else _dumped(after).decode()

    # -- the envelope of an event ---------------------------------------------------------------------------------
    def _structure(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self._structure(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        return {name: self._field(name, value) for name, value in tree.items()}

    def _field(self, name: str, value: Any) -> Any:
        if name in _PAYLOADS:
            return self._payload(name, value)
        if name in _TEXTS and isinstance(value, str):
            return self.text(value)
        return self._structure(value)

    def _payload(self, name: str, value: Any) -> Any:
        if not _is_sealed(value):
            return self._root(name, value)
        if self._unseal is None or self._seal is None:
            self.sealed += self._looking
            return value
        try:
            clear = json.loads(self._unseal(_dumped(value)))
        except Exception:  # the codec lacks the key: sealed it stays, and is counted
            self.sealed += self._looking
            return value
        after = self._root(name, clear)
        return value if repr(after) == repr(clear) else json.loads(self._seal(_dumped(after)))

    def _root(self, name: str, value: Any) -> Any:
        if name == "patch" and isinstance(value, list) and all(isinstance(item, list) for item in value):
            return [self._operation(item) for item in value]
        return self._named(name, value, ())

    # -- payloads ---------------------------------------------------------------------------------------------------
    def _value(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {name: self._named(name, item, path) for name, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, path) for item in value]
        if isinstance(value, str):
            return self._replaced(self._clean(value))
        if isinstance(value, int | float) and not isinstance(value, bool) and value in self._numbers:
            return type(value)(0)
        return value

    def _operation(self, operation: list[Any]) -> list[Any]:
        """Of a context's patch, `["put", key, value]`: the key is the name of the value."""
        if len(operation) < 2 or not isinstance(operation[1], str):
            return [self._value(item, ()) for item in operation]
        key = operation[1]
        return [*operation[:2], *(self._named(key, item, ()) for item in operation[2:])]

    def _named(self, name: str, value: Any, path: tuple[str, ...]) -> Any:
        here = (*path, name)
        hit = next((text for text, wanted in self._paths if _fits(wanted, here)), None)
        if hit is not None or self._hides(name, value):
            if hit is not None:
                self.found[hit] += self._looking
            return self._marked(value)
        return self._value(value, here)

    def _marked(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._marked(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._marked(item) for item in value]
        if value is None:
            return None
        if self._looking:
            self._remember(value)
        if isinstance(value, str):
            return MARK
        return type(value)(0)

    def _remember(self, value: Any) -> None:
        if isinstance(value, str):
            if len(value) >= _LEAST_TEXT:
                self._texts.add(value)
        elif not isinstance(value, bool) and abs(value) >= _LEAST_NUMBER:
            self._numbers.add(value)
            self._texts.add(str(value))

    def _replaced(self, text: str) -> str:
        if self._looking:
            return text
        if self._texts:
            if self._pattern is None:
                longest = sorted(self._texts, key=lambda each: (-len(each), each))
                self._pattern = re.compile("|".join(map(re.escape, longest)))
            text = self._pattern.sub(MARK, text)
        return _EMAIL.sub(MARK, text) if self._emails else text


def parse_path(path: str) -> tuple[str, ...]:
    """Return the names of a path.

    Raises:
        RedactionRefused: it is none.
    """
    names = path.strip().split(".")
    if not all(_SEGMENT.fullmatch(name) for name in names) or all(name == "*" for name in names):
        raise RedactionRefused(f"{path!r} is no path: names with dots between them, such as card.number or customer.*")
    return tuple(names)


def _fits(wanted: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if len(wanted) > len(path):
        return False
    return all(name in ("*", there) for name, there in zip(wanted, path[-len(wanted) :], strict=True))


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"$enc", "data"} and bool(value["$enc"])


def _dumped(tree: Any) -> bytes:
    try:
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a character, which JSON holds as an escape
        return json.dumps(tree, separators=(",", ":")).encode()


def is_json_object(data: bytes) -> bool:
    """Whether `data` is one JSON object."""
    try:
        return isinstance(msgspec.json.decode(data), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
