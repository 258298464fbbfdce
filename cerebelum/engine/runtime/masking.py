"""What counts as a secret, by its name and by its look in running text.

Masking errs on the side of hiding: a value too many that reads `•••` costs a look at the source, a password in a log
costs more. Counters are the exception, since flows that call language models are full of them: `max_tokens=500` stays.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

MASK = "•••"

_PASSWORD_LIMIT = 2048  # characters of a password inside a URL
SLACK = 4096 + 512  # mask that much beyond a cut, so that no secret survives by being cut in two

_NAME = (
    r"pass(?:word|wd|phrase|code)|(?<![a-z])pwd(?![a-z])|secret|token(?!s|iz|_?(?:count|limit|type|usage|url))"
    r"|(?:api|access|private|signing|encryption)[_\- ]?key|authorization|credential|cookie"
    r"|(?<![a-z])dsn(?![a-z])|connection[_\- ]?string|bearer"
    r"|card[_\- ]?(?:number|num|no)(?![a-z])|(?<![a-z])(?:cvv|cvc|ssn)(?![a-z])"
)
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_URL_PASSWORD = re.compile(rf"(://[^\s/:@'\"]{{0,256}}:)(?!\d{{1,5}}[/?#])[^\s'\"<>]{{1,{_PASSWORD_LIMIT}}}@")
_ASSIGNED = re.compile(
    rf"(?P<name>(?:{_NAME})[\w\-]{{0,40}}[\"']?\s{{0,4}}[:=]\s{{0,4}})"
    r"(?:(?P<quote>[\"'])(?P<quoted>(?:[^\"'\\\n]|\\.){0,4096})(?P=quote)"
    r"|(?:(?:bearer|basic|digest|token)\s{1,4})?[^\s,;&(){}\[\]\"'•]{1,4096})",
    re.IGNORECASE,
)
# A plain search that lets nearly every line go by: the pattern above costs 0.1 µs for each character.
_HINT = re.compile(r"pass|pwd|secret|token|key|auth|cred|cookie|dsn|string|bearer|card|cv[vc]|ssn")
_BEARER = re.compile(r"\b(bearer\s{1,4})[\w.~+/\-]{8,4096}=*", re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Return whether a value under this name (a key, an attribute, a local variable) must not be shown."""
    return _SECRET_NAME.search(name[:200]) is not None


@lru_cache(maxsize=4096)
def _names_tokens(name: str) -> bool:
    return "tokens" in name[:200].lower()


def hides(name: str, value: Any) -> bool:
    """Return whether `value` must be masked where it stands under `name`. None says nothing and stays."""
    if value is None:
        return False
    if is_secret_name(name):
        return True
    # `tokens` may be a count or a list of them.
    return _names_tokens(name) and isinstance(value, str | bytes | list | tuple | set | dict)


def mask_text(text: str) -> str:
    """Return `text` without the passwords of URLs (`scheme://user:pass@host`), `password=…` values and bearer tokens."""
    if "://" in text and "@" in text:
        text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    if _HINT.search(text.lower()) is not None:
        text = _BEARER.sub(rf"\1{MASK}", _ASSIGNED.sub(_without_value, text))
    return text


def mask_cut(text: str, limit: int) -> str:
    """Return at most about `limit` characters of `text`, masked before it is cut."""
    return mask_text(text[: limit + SLACK])[:limit]


def _without_value(found: re.Match[str]) -> str:
    quote = found["quote"] or ""
    return f"{found['name']}{quote}{MASK}{quote}"
