"""For tests of your workflows: an engine in memory, in virtual time. Loaded at first use; see `docs/authoring/testing.md`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cerebelum.testing.blocking import BlockingEngine, BlockingFlowHandle, blocking_in_memory_engine
    from cerebelum.testing.crashing import CrashDiffers, CrashReport, crash_everywhere
    from cerebelum.testing.engine import FlowHandle, InMemoryEngine, assert_completed, assert_failed, in_memory_engine
    from cerebelum.testing.execution import Execution, Step, find_step
    from cerebelum.testing.replacing import Replacement
    from cerebelum.testing.unittest_case import TestCase

_PLACES = {
    "BlockingEngine": "blocking", "BlockingFlowHandle": "blocking", "CrashDiffers": "crashing",
    "CrashReport": "crashing", "Execution": "execution", "FlowHandle": "engine", "InMemoryEngine": "engine",
    "Replacement": "replacing", "Step": "execution", "TestCase": "unittest_case", "assert_completed": "engine",
    "assert_failed": "engine", "blocking_in_memory_engine": "blocking", "crash_everywhere": "crashing",
    "find_step": "execution", "in_memory_engine": "engine",
}  # fmt: skip
__all__ = [
    "BlockingEngine", "BlockingFlowHandle", "CrashDiffers", "CrashReport", "Execution", "FlowHandle",
    "InMemoryEngine", "Replacement", "Step", "TestCase", "assert_completed", "assert_failed",
    "blocking_in_memory_engine", "crash_everywhere", "find_step", "in_memory_engine",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"cerebelum.testing.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'cerebelum.testing' has no attribute {name!r}")
