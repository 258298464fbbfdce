"""How much a captured line weighs. What was printed counts as info."""

from __future__ import annotations

RANKS = {"debug": 10, "stdout": 20, "info": 20, "stderr": 20, "warning": 30, "error": 40, "critical": 50}
_OTHER = 20


def rank_of(level: str) -> int:
    """Return a level's rank; one that is not known, as a newer release may write, counts as info."""
    return RANKS.get(level, _OTHER)
