"""W9's rival: Temporal's own `Replayer` over the history of the same workflow. It needs no server.

The history is written here, event for event as a server records a workflow of activities that follow one another: six
events a step, where ours has two. So what is compared is steps a second. Its sandbox is its default.
"""

from __future__ import annotations

import importlib
import time
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

_QUEUE, _TYPE, _ID = "benchmarks", "ManySteps", "many-steps"


def is_installed() -> bool:
    """Return whether it can be measured here."""
    return find_spec("temporalio") is not None


async def steps_per_s(steps: int, replays: int) -> float:
    """Replay a history of so many steps, so many times. Writing the history is not timed."""
    from benchmarks.temporal_flow import ManySteps

    client: Any = importlib.import_module("temporalio.client")
    worker: Any = importlib.import_module("temporalio.worker")
    events = history(steps)
    took_s = 0.0
    for _ in range(replays):
        replayer = worker.Replayer(workflows=[ManySteps])
        started_s = time.perf_counter()
        result = await replayer.replay_workflow(client.WorkflowHistory(_ID, events))
        took_s += time.perf_counter() - started_s
        if result.replay_failure is not None:
            raise AssertionError(f"the replay has failed: {result.replay_failure}")
    return steps * replays / took_s


def history(steps: int) -> list[Any]:
    """Return the events of a workflow that has called `increment` so many times, and returned the number."""
    return _History(steps).events


class _History:
    def __init__(self, steps: int) -> None:
        self._api: Any = importlib.import_module("temporalio.api.history.v1")
        self._enums: Any = importlib.import_module("temporalio.api.enums.v1")
        converter: Any = importlib.import_module("temporalio.converter").PayloadConverter.default
        self._payloads: Any = lambda value: {"payloads": converter.to_payloads([value])}
        self.events: list[Any] = []
        self._add(
            "workflow_execution_started", workflow_type={"name": _TYPE}, task_queue={"name": _QUEUE},
            input=self._payloads(steps), original_execution_run_id="run", first_execution_run_id="run", attempt=1,
            workflow_task_timeout=timedelta(seconds=10), workflow_id=_ID,
        )  # fmt: skip
        task = self._task()
        for number in range(steps):
            scheduled = self._add(
                "activity_task_scheduled", activity_id=str(number + 1), activity_type={"name": "increment"},
                task_queue={"name": _QUEUE}, input=self._payloads(number),
                start_to_close_timeout=timedelta(seconds=10), workflow_task_completed_event_id=task,
            )  # fmt: skip
            started = self._add("activity_task_started", scheduled_event_id=scheduled, attempt=1)
            self._add(
                "activity_task_completed", scheduled_event_id=scheduled, started_event_id=started,
                result=self._payloads(number + 1),
            )  # fmt: skip
            task = self._task()
        self._add("workflow_execution_completed", result=self._payloads(steps), workflow_task_completed_event_id=task)

    def _task(self) -> int:
        scheduled = self._add("workflow_task_scheduled", task_queue={"name": _QUEUE}, attempt=1)
        started = self._add("workflow_task_started", scheduled_event_id=scheduled)
        return self._add("workflow_task_completed", scheduled_event_id=scheduled, started_event_id=started)

    def _add(self, name: str, **attributes: Any) -> int:
        number = len(self.events) + 1
        kind = getattr(self._enums.EventType, f"EVENT_TYPE_{name.upper()}")
        event = self._api.HistoryEvent(event_id=number, event_type=kind, **{f"{name}_event_attributes": attributes})
        event.event_time.FromMilliseconds(1_700_000_000_000 + number)
        self.events.append(event)
        return number
