"""Which executions get no further try: each must not take its node, or one node after the other, down with it.

Rules:
- An activation that did not come to an end, and events that cannot be written, are counted in this node's memory. After
  `most_blocked` of them the execution fails with the last one as evidence, and none of its code runs again.
- A process that dies leaves no such count. But each claim is counted in the execution's row until a commit shows progress:
  after `most_claims` the execution is paused with the evidence. Mended code, or more memory, and it can be resumed.
- A payload that cannot be sealed or read here (`PayloadTransformFailed`) says nothing against the execution: it is paused
  with the reason, for people to bring the key and resume it.
"""

from __future__ import annotations

from cerebelum.engine.domain.errors import HistoryMismatch
from cerebelum.engine.domain.errors_payload import PayloadTransformFailed
from cerebelum.engine.domain.errors_runtime import PoisonExecution
from cerebelum.engine.domain.execution import ExecutionRow
from cerebelum.engine.runtime.own_log import OwnLog

_log = OwnLog("cerebelum.node")


class PoisonRules:
    """See the module's rules.

    Args:
        most_claims: without progress, >= 1.
        most_blocked: tries on this node that led nowhere, >= 1.
    """

    def __init__(self, *, most_claims: int, most_blocked: int) -> None:
        self._most_claims, self._most_blocked = most_claims, most_blocked
        self._reasons: dict[str, list[str]] = {}  # by execution: why it could not go on
        self._unreadable: dict[str, str] = {}

    def note(self, execution_id: str, error: BaseException) -> None:
        """Take note of a try that led nowhere."""
        if isinstance(error, HistoryMismatch):
            return  # the rebuild finds it, too, and pauses the execution
        if isinstance(error, PayloadTransformFailed):
            self._unreadable[execution_id] = str(error)
            return
        reasons = self._reasons.setdefault(execution_id, [])
        reasons.append(f"{type(error).__name__}: {error}")
        _log.error("execution cannot go on", execution_id=execution_id, times=len(reasons), error=str(error))

    def verdict(self, row: ExecutionRow) -> PoisonExecution | None:
        """Return the error that a claimed execution is to fail with; None where it gets another try."""
        reasons = self._reasons.get(row.id, [])
        if len(reasons) >= self._most_blocked:
            return PoisonExecution(row.id, f"{len(reasons)} times: {reasons[-1]}")
        return None

    def deadly(self, row: ExecutionRow) -> PoisonExecution | None:
        """Return why a claimed execution is to be parked: its claims ended in the death of a process each."""
        if row.claims <= self._most_claims:
            return None
        return PoisonExecution(row.id, f"its process ended {row.claims - 1} times while it ran, with no new event")

    def take_unreadable(self, execution_id: str) -> str | None:
        """Return, once, why a claimed execution is to be paused; None where it is to go on."""
        return self._unreadable.pop(execution_id, None)

    def forget(self, execution_id: str) -> None:
        """Its final event is durable: nothing of it is needed any more."""
        self._reasons.pop(execution_id, None)
