"""Limits of payloads, in bytes of JSON text before compression and encryption."""

from __future__ import annotations

from typing import Any

PAYLOAD_LIMIT_BYTES = 2 * 1024 * 1024
PAYLOAD_WARN_BYTES = 256 * 1024


def is_deeper_than(limit: int, tree: Any) -> bool:
    """Return whether plain data has more than `limit` levels of lists and dicts. Level by level: no recursion."""
    level = [tree] if type(tree) in (list, dict) else []
    for _ in range(limit):
        if not level:
            return False
        level = [
            part
            for node in level
            for part in (node.values() if type(node) is dict else node)
            if type(part) is dict or type(part) is list
        ]
    return bool(level)
