"""Small texts: durations, instants, payloads, digests."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from cerebelum.engine.domain.terminal_text import visible
from cerebelum.engine.domain.words import clock, duration, rfc3339, versioned
from cerebelum.engine.runtime.rendering import mask_json

__all__ = ["PAYLOAD_CHARS", "clock", "duration", "masked", "rfc3339", "shown", "versioned"]

PAYLOAD_CHARS = 300


def masked(payload: bytes | msgspec.Raw | None) -> Any:
    """Return a stored payload as JSON data with secrets masked; None where there is none."""
    if payload is None or not bytes(payload):
        return None
    return mask_json(msgspec.json.decode(bytes(payload)))


def shown(value: Any, *, limit: int = PAYLOAD_CHARS) -> str:
    """Return JSON data as one line that a terminal can hold, cut at `limit` characters."""
    text = visible(json.dumps(value, ensure_ascii=False), keep_newlines=False)
    return text if len(text) <= limit else f"{text[:limit]}…"
