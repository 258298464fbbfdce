"""The drawn form itself, as JSON text."""

from __future__ import annotations

import msgspec

from cerebelum.engine.domain.drawing import Drawing


def json_text(drawing: Drawing) -> str:
    """Return `{"nodes": …, "edges": …}` as JSON text."""
    return msgspec.json.format(msgspec.json.encode(drawing.as_json()), indent=2).decode() + "\n"
