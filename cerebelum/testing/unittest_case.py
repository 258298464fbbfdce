"""A base class for `unittest`: each test has an engine of its own."""

from __future__ import annotations

import unittest
from collections.abc import Callable
from typing import Any

from cerebelum.testing.blocking import BlockingEngine, BlockingFlowHandle, blocking_in_memory_engine
from cerebelum.testing.execution import Execution, Step, find_step
from cerebelum.testing.replacing import Replacement


class TestCase(unittest.TestCase):
    """`self.engine` is a `BlockingEngine`; what tests say most often is here as methods."""

    engine: BlockingEngine

    def setUp(self) -> None:
        """Make the engine; call it first where you override it."""
        super().setUp()
        self.engine = self.enterContext(blocking_in_memory_engine())

    def start(self, workflow: Any, *args: Any, **options: Any) -> BlockingFlowHandle[Any]:
        """As `InMemoryEngine.start`."""
        return self.engine.start(workflow, *args, **options)

    def get_execution(self, which: BlockingFlowHandle[Any] | str) -> Execution:
        """As `InMemoryEngine.get_execution`."""
        return self.engine.get_execution(which)

    def find_step(self, execution: Execution, name: str) -> Step:
        """Return the latest record of a step; see `find_step`."""
        return find_step(execution, name)

    def assert_workflow_completed(self, which: BlockingFlowHandle[Any] | str, timeout: float = 5000) -> Execution:
        """As `InMemoryEngine.assert_completed`; `timeout` in real milliseconds."""
        __tracebackhide__ = True
        return self.engine.assert_completed(which, timeout_ms=timeout)

    def assert_workflow_failed(
        self, which: BlockingFlowHandle[Any] | str, *, match: str | None = None, timeout: float = 5000
    ) -> Execution:
        """As `InMemoryEngine.assert_failed`; `timeout` in real milliseconds."""
        __tracebackhide__ = True
        return self.engine.assert_failed(which, match=match, timeout_ms=timeout)

    def replace_step(self, step: object, function: Callable[..., Any]) -> Replacement:
        """As `InMemoryEngine.replace_step`."""
        return self.engine.replace_step(step, function)

    def mock_service_failures(self, service: Any, name: str, times: int | None = None, **how: Any) -> Replacement:
        """As `InMemoryEngine.mock_service_failures`."""
        return self.engine.mock_service_failures(service, name, times, **how)
