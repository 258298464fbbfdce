"""W9's workflow, as Temporal has it."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any

workflow: Any = importlib.import_module("temporalio.workflow")  # an optional package


@workflow.defn
class ManySteps:
    """Many steps, one after another."""

    @workflow.run  # type: ignore[untyped-decorator]  # a package that may be missing is `Any`
    async def run(self, steps: int) -> int:
        """Add one, so often."""
        value = 0
        for _ in range(steps):
            value = await workflow.execute_activity(
                "increment", value, start_to_close_timeout=timedelta(seconds=10), result_type=int
            )
        return value
