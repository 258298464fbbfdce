"""Why a history does not fit changed code, in few words: for one line of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.domain.events import RecordedEvent, StepScheduled

_STEP = "step_scheduled"


def reason_of(error: BaseException, history: Sequence[RecordedEvent]) -> str:
    """Return the reason, without the execution's id, which stands beside it."""
    if not isinstance(error, HistoryMismatch):
        return f"{type(error).__name__}: {error}".split("\n", 1)[0]
    (was, was_name), (now, now_name) = _parts(error.recorded), _parts(error.requested)
    if was == now == _STEP:
        return _of_steps(was_name, now_name, history)
    what = f"{was_name} ({was})" if was_name else was
    if now == "nothing":
        return f"{what} is not asked for any more, event {error.version}"
    return f"asks for {now_name or now} where event {error.version} is {what}"


def _of_steps(was: str, now: str, history: Sequence[RecordedEvent]) -> str:
    if was == now:
        return f"step {was} gets other arguments"
    names = {event.name for one in history if one.type == _STEP and isinstance(event := one.event(), StepScheduled)}
    if now in names:
        return f"step order changed: {now} before {was}"
    return f"step {now} where {was} ran"


def _parts(described: str) -> tuple[str, str]:
    """Split "step_scheduled  charge  {…}" and the like."""
    kind, _, rest = described.partition("  ")
    return ("nothing", "") if kind.startswith("nothing") else (kind, rest.partition("  ")[0].strip())
