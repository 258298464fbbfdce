"""Checkpoints: a run writes down what it needs to go on, and begins there instead of at the first event.

Rules:
- Only code that waits for nothing has a checkpoint taken: a graph between two nodes. What it is then follows from the
  event alone, which `tests` prove by recovering from every checkpoint and from zero.
- Triggers are recorded as they come, and told one after another: while the code takes a checkpoint, the next may stand in
  the history already. Such a checkpoint lacks it, says so by `after`, and is never recovered from.
- Randomness begins anew behind a checkpoint, from the execution and the checkpoint's number: a generator's state is no
  part of it.
- Code that listens for updates and queries takes none: its handlers are no data.
- An execution that may run again from its beginning (`max_retries`) takes none: its next run needs the results of the
  one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Raw

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.event_base import ABSENT
from cerebelum.engine.domain.events import SignalReceived
from cerebelum.engine.domain.events_checkpoint import CheckpointCreated, HeldSignal

if TYPE_CHECKING:
    from cerebelum.engine.runtime.run import WorkflowRun

_WHAT = "state of a checkpoint"


def checkpoint_of(run: WorkflowRun, state: Any) -> CheckpointCreated | None:
    """Return the checkpoint that `run` may take now; None where it waits for something, or is being ended."""
    if (
        run.pending
        or len(run.loop.tasks) > 1
        or run.is_ending
        or run.listening is not None
        or run.definition.max_retries
    ):
        return None
    try:
        data, _ = run.codec.encode(state, what=_WHAT)
    except CerebelumError:  # too large, or nothing that JSON holds: a later one may do
        return None
    resumed = run.codec.encode(run.resume_data, what="data of resume")[0] if run.resume_data is not None else b""
    return CheckpointCreated(
        number=run.number + 1,
        after=run.told_version,
        state=Raw(data),
        run=run.run_count,
        started_us=run.started_us,
        now_us=run.now_us(),
        origin_us=run.loop.origin_us,
        created=run.loop.created,
        signals=tuple(
            HeldSignal(version, signal.name, signal.payload, signal.sender, signal.key)
            for version, signal in run.signals
        ),
        patches=run.patches,
        resume_data=Raw(resumed) if resumed else ABSENT,
    )


def take_over(run: WorkflowRun, checkpoint: CheckpointCreated) -> None:
    """Give a fresh run what the checkpoint holds; its loop is made, its code has not begun."""
    run.run_count, run.started_us, run.told_version = checkpoint.run, checkpoint.started_us, checkpoint.after
    run.number = run.drawn_since = checkpoint.number
    run.signals = [
        (held.version, SignalReceived(name=held.name, payload=held.payload, sender=held.sender, key=held.key))
        for held in checkpoint.signals
    ]
    run.patches.update(checkpoint.patches)
    if checkpoint.resume_data:
        run.resume_data = run.codec.decode(bytes(checkpoint.resume_data), what="data of resume")
    run.restored = run.codec.decode(bytes(checkpoint.state), what=_WHAT)
