from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, pyproject

FLOW = """
from cerebelum import Retry, days, sleep, step, wait_for_signal, workflow

class PaymentService:
    def charge(self, order):
        return "ch_" + str(order["id"])

service = PaymentService()

@step(retry=Retry(max_attempts=3, backoff_base=60))
def charge_payment(order: dict) -> str:
    print("charging")
    return service.charge(order)

@workflow
async def order_workflow(order: dict) -> str:
    await sleep(days(30))
    return await charge_payment(order)

@workflow
async def approval() -> str:
    return await wait_for_signal("approved", timeout=days(5))
"""


# Installed, pytest finds it by its entry point, and refuses to load it once more.
IS_INSTALLED = any(point.value == "cerebelum.testing.plugin" for point in entry_points(group="pytest11"))
LOADED = () if IS_INSTALLED else ("-p", "cerebelum.testing.plugin")


class Project:
    """A folder of a user's tests, run in a process of its own with the plugin as it is after an installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "flow.py").write_text(FLOW)

    def pytest(self, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "test_flow.py").write_text("from flow import *\n" + textwrap.dedent(tests))
        command = [
            sys.executable, "-m", "pytest", *LOADED, "-p", "no:cacheprovider", "-W", "error",
            *([] if "no:asyncio" in options else ["-o", "asyncio_default_fixture_loop_scope=function"]), *options,
            "test_flow.py",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


SYNC = """
def test_completes(blocking_engine):
    workflow_id = blocking_engine.start(order_workflow, {"id": 7}).id
    blocking_engine.assert_workflow_completed(workflow_id, timeout=5000)
    execution = blocking_engine.get_execution(workflow_id)
    assert execution.status == "completed"
    assert execution.result == "ch_7"

def test_retries(blocking_engine):
    service_failing = blocking_engine.mock_service_failures(service, "charge", 2)
    workflow_id = blocking_engine.start(order_workflow, {"id": 7}).id
    blocking_engine.assert_workflow_completed(workflow_id)
    execution = blocking_engine.get_execution(workflow_id)
    assert blocking_engine.find_step(execution, "charge_payment").attempt == 3

def test_the_service_is_itself_again(blocking_engine):
    assert vars(service) == {}
    execution = blocking_engine.assert_completed(blocking_engine.start(order_workflow, {"id": 7}))
    assert blocking_engine.find_step(execution, "charge_payment").attempt == 1
    assert len(blocking_engine.list()) == 1

def test_signals(blocking_engine):
    handle = blocking_engine.start(approval)
    blocking_engine.at(days=3).signal(handle, "approved", "yes")
    assert handle.result() == "yes"
    handle = blocking_engine.start(approval)
    handle.signal("approved", "no")
    assert handle.result() == "no"
"""


def test_plain_tests_need_no_plugin_for_coroutines(project: Project) -> None:
    """S1, S3, S4: the founding document's two tests, translated, run as plain functions, isolated, and leave no file."""
    result = project.pytest(SYNC, "-p", "no:asyncio", "-p", "no:anyio")
    assert "4 passed" in result.stdout, result.stdout + result.stderr
    assert sorted(path.name for path in project.folder.iterdir()) == ["flow.py", "test_flow.py"]


ASYNC = """
import pytest

@pytest.mark.asyncio
async def test_completes(engine):
    handle = await engine.start(order_workflow, {"id": 7})
    execution = await engine.assert_completed(handle)
    assert execution.result == "ch_7"

@pytest.mark.asyncio
async def test_steps_may_share_the_loop_of_the_test(engine):
    import asyncio
    gate = asyncio.Event()
    async def charge(order):
        await gate.wait()
        return "through the gate"
    engine.replace_step(charge_payment, charge)
    handle = await engine.start(order_workflow, {"id": 7})
    waiting = asyncio.create_task(handle.result())
    asyncio.get_running_loop().call_later(0.01, gate.set)
    assert await waiting == "through the gate"
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_coroutine_tests_run_in_both_modes_of_pytest_asyncio(project: Project, mode: str) -> None:
    """S1: the fixture `engine` lives on the test's own loop, in strict and in auto mode."""
    result = project.pytest(ASYNC, "-o", f"asyncio_mode={mode}")
    assert "2 passed" in result.stdout, result.stdout + result.stderr


def test_coroutine_tests_without_a_plugin_are_told_what_to_do(project: Project) -> None:
    """S1: without a plugin that runs coroutines the fixture says so, and what to use."""
    result = project.pytest("def test_it(engine): pass\n", "-p", "no:asyncio", "-p", "no:anyio")
    assert "no plugin runs those" in result.stdout
    assert "use the fixture `blocking_engine` in a plain function" in result.stdout


UNITTEST = """
from cerebelum.testing import TestCase

class TestOrders(TestCase):
    def test_completes(self):
        started = self.start(order_workflow, {"id": 7})
        self.assert_workflow_completed(started.id, timeout=5000)
        self.assertEqual(self.get_execution(started).result, "ch_7")

    def test_retries(self):
        self.mock_service_failures(service, "charge", 2)
        execution = self.assert_workflow_completed(self.start(order_workflow, {"id": 7}))
        self.assertEqual(self.find_step(execution, "charge_payment").attempt, 3)

    def test_fails(self):
        self.mock_service_failures(service, "charge")
        self.assert_workflow_failed(self.start(order_workflow, {"id": 7}), match="made to fail")
"""


def test_unittest_has_a_base_class(project: Project) -> None:
    """S1: a `TestCase` sets up an engine per test, under pytest and under unittest itself."""
    result = project.pytest(UNITTEST, "-p", "no:asyncio")
    assert "3 passed" in result.stdout, result.stdout + result.stderr
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "unittest", "test_flow"]
    alone = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)
    assert "Ran 3 tests" in alone.stderr, alone.stderr
    assert alone.stderr.endswith("OK\n"), alone.stderr


def test_a_failed_assertion_points_at_the_line_of_the_test(project: Project) -> None:
    """S2: the failure shows the execution's error, logs and events at the test's own line, and no frame of ours."""
    tests = """
        def test_it(blocking_engine):
            blocking_engine.mock_service_failures(service, "charge")
            blocking_engine.assert_completed(blocking_engine.start(order_workflow, {"id": 7}))
    """
    result = project.pytest(tests)
    assert ">       blocking_engine.assert_completed(" in result.stdout
    for part in ("(order_workflow) failed; it was to be completed", "error   ConnectionError: made to fail",
                 "charge_payment  stdout  charging", "step_failed  charge_payment (attempt 3)"):  # fmt: skip
        assert part in result.stdout
    assert "cerebelum/testing/" not in result.stdout


def test_tests_may_run_side_by_side(project: Project) -> None:
    """S3: under xdist each test has an engine, replacements and time of its own."""
    pytest.importorskip("xdist")
    result = project.pytest(SYNC, "-n", "2", "-p", "no:asyncio")
    assert "4 passed" in result.stdout, result.stdout + result.stderr


def test_the_plugin_is_found_by_its_entry_point() -> None:
    """S1: an installed cerebelum offers its fixtures without a line in a conftest."""
    assert pyproject()["project"]["entry-points"]["pytest11"] == {"cerebelum": "cerebelum.testing.plugin"}


def test_the_plugin_costs_those_who_do_not_use_it_next_to_nothing(project: Project) -> None:
    """S1: without a test that asks for an engine, no engine, store or command line is imported."""
    tests = """
        import sys
        def test_it():
            heavy = ("cerebelum.engine.runtime", "cerebelum.engine.application", "cerebelum.adapters", "cerebelum_cli")
            assert [name for name in sys.modules if name.startswith(heavy)] == []
            assert "sqlalchemy" not in sys.modules
    """
    (project.folder / "flow.py").write_text("")
    result = project.pytest(tests)
    assert "1 passed" in result.stdout, result.stdout + result.stderr


def test_a_fixture_of_ones_own_of_this_name_wins(project: Project) -> None:
    """S1: projects that have a fixture `engine` already keep theirs."""
    tests = """
        import pytest
        @pytest.fixture
        def engine():
            return "mine"
        def test_it(engine):
            assert engine == "mine"
    """
    result = project.pytest(tests)
    assert "1 passed" in result.stdout, result.stdout + result.stderr


GUIDE = (ROOT / "docs" / "authoring" / "testing.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("source", SNIPPETS, ids=range(len(SNIPPETS)))
def test_the_tests_of_the_guide_pass(project: Project, source: str) -> None:
    """S1, S2, S3, S4, S7: what the guide on testing shows are tests that pass."""
    result = project.pytest(source, "-o", "asyncio_mode=auto")
    assert f"{source.count('def test_')} passed" in result.stdout, result.stdout + result.stderr
