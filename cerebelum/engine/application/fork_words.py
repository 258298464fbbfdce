"""What a fork takes over and does again, in words. Values are masked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from cerebelum.engine.domain.editing import Edited
from cerebelum.engine.domain.forking import ForkPlan
from cerebelum.engine.runtime.rendering import mask_json

_MOST_NAMED = 12


def again_text(plan: ForkPlan) -> str:
    """Return `will RUN AGAIN: ship, notify (2 calls)`."""
    if not plan.again:
        return "nothing that ran before will run again"
    names = [
        step.name
        + (f" ({step.count} calls)" if step.count > 1 else "")
        + (" [at most once]" if step.at_most_once else "")
        for step in plan.again
    ]
    return f"will RUN AGAIN: {_listed(names)}"


def reused_text(plan: ForkPlan) -> str:
    """Return `2 steps: reserve, charge`."""
    counts = Counter(plan.reused)
    names = [name + (f" ({count})" if count > 1 else "") for name, count in counts.items()]
    steps = "1 step" if len(plan.reused) == 1 else f"{len(plan.reused)} steps"
    return f"{steps}: {_listed(names)}" if names else "no step"


def edited_value(edited: Edited, data: bytes) -> Any:
    """Return a value, masked if the name that it stands under says that it is a secret."""
    if not data:
        return None
    key = edited.what.replace("]", "").replace("[", ".").rpartition(".")[2]
    return mask_json({key: mask_json(msgspec.json.decode(data))})[key]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (f" … {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")
