"""What became of one open execution when its workflow's code changed."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Outcome = Literal["moved", "kept", "unchecked", "failed"]


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of one open execution whose workflow has new code.

    Attributes:
        outcome: "moved": it goes on on the new code; "kept": it stays on the code it runs on; "unchecked": it is checked
            when it next wakes; "failed": the check could not be made, and it stays where it is.
        before: short digest of the code it ran on.
        now: short digest of the new code; "" where the workflow is gone.
        reason: why it was kept, for one line; "" where it moved.
        detail: the whole text of the `HistoryMismatch` or error; may have several lines.
    """

    execution_id: str
    workflow: str
    outcome: Outcome
    before: str
    now: str
    reason: str = ""
    detail: str = ""
