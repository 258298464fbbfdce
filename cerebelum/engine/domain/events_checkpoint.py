"""The event from which a long execution is recovered. `events` holds it with all others, and states their rules."""

from __future__ import annotations

from msgspec import Raw, Struct

from cerebelum.engine.domain.event_base import ABSENT, NULL, Command


class HeldSignal(Struct, frozen=True, omit_defaults=True):
    """A signal that was received before the checkpoint and that nobody had taken by then."""

    version: int  # of its `signal_received`
    name: str
    payload: Raw = NULL
    sender: str = ""
    key: str = ""


class CheckpointCreated(Command, frozen=True, omit_defaults=True, kw_only=True):
    """All that the code needs to go on from here, without the history before. The code waited for nothing then.

    Attributes:
        after: version of the trigger that the code had been told last. If another trigger came before this event, which
            the code was told only later, the state lacks it: nothing is recovered from this checkpoint.
        state: what the interpreter of a flow says of its position and context.
        now_us: workflow time.
        origin_us: where the loop's own clock begins.
        created: how many tasks and futures the loop had made; it orders the sets that asyncio gives.
    """

    type = "checkpoint_created"
    after: int = 0
    state: Raw = NULL
    run: int = 1
    started_us: int = 0
    now_us: int = 0
    origin_us: int = 0
    created: int = 0
    signals: tuple[HeldSignal, ...] = ()
    patches: dict[str, bool] = {}  # noqa: RUF012 - msgspec copies it
    resume_data: Raw = ABSENT
