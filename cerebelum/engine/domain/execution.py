"""An execution's status machine, and the row that shows it.

The row is a projection: all of it but `owner`, `epoch` and `wake_at_us` follows from the history
(`domain.projection`), so it may be dropped and rebuilt.
"""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from cerebelum.engine.domain.errors import ForbiddenTransition

Status = Literal["pending", "running", "waiting", "paused", "completed", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
FINAL: frozenset[Status] = frozenset({"completed", "failed", "cancelled"})
OPEN: tuple[Status, ...] = ("pending", "running", "waiting", "paused")

TRANSITIONS: dict[Status, frozenset[Status]] = {
    "pending": frozenset({"running", "paused", "cancelled", "failed"}),
    "running": frozenset({"waiting", "paused", "completed", "failed", "cancelled"}),
    "waiting": frozenset({"running", "paused", "completed", "failed", "cancelled"}),
    "paused": frozenset({"running", "waiting", "failed", "cancelled"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}


def can_transition(before: Status, after: Status) -> bool:
    """Return whether an execution may go from `before` to `after`."""
    return after in TRANSITIONS[before]


def check_transition(before: Status, after: Status, *, verb: str, execution_id: str = "") -> None:
    """Refuse a forbidden transition.

    Raises:
        ForbiddenTransition: both the verb ("start", "pause" …) and the present status are in the text.
    """
    if not can_transition(before, after):
        raise ForbiddenTransition(verb, before, execution_id)


class ExecutionRow(Struct, kw_only=True):
    """One row of `executions`. Instants in microseconds since the Unix epoch, UTC; None: not yet."""

    id: str
    workflow: str
    code: str = ""  # short source digest that it runs on now
    status: Status = "pending"
    queue: str = "default"
    priority: int = 0
    current_step: str | None = None
    error: str | None = None  # one line: "CardDeclined: no funds"
    parent: str | None = None
    run: int = 1
    last_version: int = 0
    checkpoint: int | None = None  # version of the newest one; recovery reads the first event, and from there
    owner: str | None = None  # nonce of the node that runs it now
    epoch: int = 0  # counts claims; with the nonce it is the fencing token
    claims: int = 0  # claims since the last commit: claim() and claim_one() raise it, every append sets it to 0
    wake_at_us: int | None = None  # when a node must look at it next; None: only a message wakes it
    scheduled_at_us: int | None = None
    started_at_us: int | None = None
    completed_at_us: int | None = None
    inserted_at_us: int = 0
    updated_at_us: int = 0

    @property
    def ended(self) -> bool:
        return self.status in FINAL
