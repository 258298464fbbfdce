"""A pytest plugin: with CEREBELUM_TEST_STRICT=1 a skipped test fails.

CI installs every tool a test can need, so a skip there hides a test that should have run. A skip that no
installation can mend starts its reason with "platform:" and stays a skip; so do expected failures.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a test's forbidden skip into a failure."""
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the forbidden skip of a whole module into a failure."""
    return _refuse_skip((yield))


def _refuse_skip(report: Report) -> Report:
    strict = os.environ.get("CEREBELUM_TEST_STRICT") == "1"
    if not strict or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith("platform:"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CEREBELUM_TEST_STRICT=1 forbids: {reason}"
    return report
