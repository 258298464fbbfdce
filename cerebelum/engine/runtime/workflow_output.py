"""What workflow code prints and logs. A replay runs the same code again, so only live code may be heard.

The activation says which it is, by optional attributes:
- `replaying`: True while recorded events are applied; `discarded`: True while suspended code is thrown away; `silent`:
  True for a run that only looks, such as a replay to its last event. In all three, output goes nowhere.
- `log_line(level, message)`: takes whole lines of live code. Without it, output only goes where it would go anyway.
"""

from __future__ import annotations

import threading
from typing import Any

_MAX_PARTIAL_CHARS = 64 << 10


def is_silent(activation: Any) -> bool:
    """Return whether the activation's code runs again for what it computes only."""
    return any(getattr(activation, name, False) for name in ("replaying", "discarded", "silent"))


def take_line(activation: Any, level: str, message: str) -> None:
    """Give one line of live workflow code to its activation, if it wants any."""
    log_line = getattr(activation, "log_line", None)
    if log_line is not None:
        log_line(level, message)


class _Partial(threading.local):
    """The unfinished lines of the activation that wrote last on this thread."""

    owner: Any = None
    texts: dict[str, str] | None = None


_partial = _Partial()


def take_text(activation: Any, stream: str, text: str) -> None:
    """Give the whole lines of `text` to the activation, and keep the rest until its line ends."""
    if getattr(activation, "log_line", None) is None:
        return
    if _partial.owner is not activation:
        flush_text()
    texts = _partial.texts or {}
    *lines, rest = (texts.get(stream, "") + text).split("\n")
    texts[stream] = rest[:_MAX_PARTIAL_CHARS]
    unfinished = any(texts.values())
    # An activation is not kept alive for an empty rest.
    _partial.owner, _partial.texts = (activation, texts) if unfinished else (None, None)
    for line in lines:
        take_line(activation, stream, line)


def flush_text() -> None:
    """Give the unfinished lines of this thread to their activation."""
    owner, texts = _partial.owner, _partial.texts
    _partial.owner = _partial.texts = None
    for stream, text in (texts or {}).items():
        if text:
            take_line(owner, stream, text)
