"""What the interface says where it will not do something: read-only, or shown in a browser."""

from __future__ import annotations

from collections.abc import Mapping

# Actions of any screen that need the terminal of the machine that the store is on.
IN_NO_BROWSER: Mapping[str, str] = {
    "edit": "an editor cannot be opened in a browser: on the machine of the store, cerebelum tui",
}


def why_read_only(*, is_web: bool) -> str:
    """Return why nothing is written, and with which flag it would be."""
    if is_web:
        return "read-only, nothing was done; to act: cerebelum tui --serve --allow-actions"
    return "read-only, nothing was done; to act, begin it without --read-only"
