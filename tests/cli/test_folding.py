"""What a run with many calls of one step prints."""

from __future__ import annotations

import pytest

from cerebelum_cli.folding import QUIET_US, SHOWN_WHOLE, Folding
from tests.cli.cli_project import Project

MANY = """
import asyncio

from cerebelum import Retry, step, workflow


@step(retry=Retry(max_attempts=1))
def parse(path: str, password: str = "hunter2", depth: int = 0) -> int:
    if path == "broken":
        raise ValueError("cannot parse")
    return depth


@workflow
async def many(n: int = 100, broken: bool = False) -> int:
    await asyncio.gather(*[parse(f"lib/{number}.py") for number in range(n)])
    if broken:
        await parse("broken")
    return n


@workflow
async def long(n: int = 2) -> None:
    await asyncio.gather(*[parse("x" * 10_000 + "\\x1b[31m") for _ in range(n)])
"""


@pytest.fixture
def many(project: Project) -> Project:
    project.write("many.py", MANY)
    return project


def test_many_calls_of_a_step_are_few_lines(many: Project) -> None:
    """W1: the first ones with their arguments, the others as one count; stdout and the history have them all."""
    result = many("run", "many.py:many", "--id", "m")
    lines = result.stderr.splitlines()
    assert len([line for line in lines if "parse" in line]) < 3 * SHOWN_WHOLE
    assert any('path="lib/0.py"' in line for line in lines)
    counted = sum(int(line.split()[-2]) for line in lines if line.endswith(" more"))
    whole = sum("✓ parse" in line and not line.endswith(" more") for line in lines)
    assert counted + whole == 100
    assert result.stdout == "100\n"
    assert len(many.json("show", "m")["steps"]) == 100


def test_a_failure_among_many_is_shown_with_its_call(many: Project) -> None:
    """W1: which of the calls failed is on its line; no count swallows it."""
    result = many("run", "many.py:many", "-i", "broken=true")
    assert result.exit_code == 1
    failed = next(line for line in result.stderr.splitlines() if "✗" in line)
    assert 'path="broken"' in failed
    assert "ValueError: cannot parse" in failed


def test_arguments_are_masked_bounded_and_filtered(many: Project) -> None:
    """W10: a call's arguments on a line show no secret, no control character and no more than a line holds."""
    for flow in ("many", "long"):
        result = many("run", f"many.py:{flow}")
        assert result.exit_code == 0
        assert "hunter2" not in result.stderr
        assert "\x1b" not in result.stderr
        assert max(len(line) for line in result.stderr.splitlines()) < 160


def test_long_arguments_keep_their_end(many: Project) -> None:
    """W1: paths and URLs tell calls apart at their ends, so the middle is what a line leaves out."""
    many.write("far.py", MANY.replace("lib/{number}", "https://example.org/a/long/way/to/the/file-{number}"))
    lines = [line for line in many("run", "far.py:many", "-i", "n=3").stderr.splitlines() if "✓" in line]
    assert len(lines) == 3
    for number, line in enumerate(lines):
        assert "…" in line
        assert line.endswith(f'/file-{number}.py"')


def test_an_only_call_is_shown_as_before(many: Project) -> None:
    """W1: arguments tell calls apart; where there is one call, its line is short."""
    assert "path=" not in many("run", "many.py:many", "-i", "n=1").stderr


def told(folding: Folding, names: list[str], *, apart_us: int) -> list[str]:
    lines: list[str] = []
    for number, name in enumerate(names):
        lines += folding.lines([f"{name} {number}"], number * apart_us, done=name)
    return lines


def test_slow_steps_are_never_folded() -> None:
    """W1: what ends further apart than a second is read one by one."""
    assert len(told(Folding(), ["a"] * 50, apart_us=QUIET_US)) == 50


def test_a_long_run_gives_signs_of_life() -> None:
    """W1: however quick the steps are, something is printed about once a second, and every call is counted once."""
    folding = Folding()
    lines = told(folding, ["a"] * 1000, apart_us=QUIET_US // 100)
    assert 2 * 8 <= len(lines) - SHOWN_WHOLE <= 2 * 10
    counts = [int(line.split()[-2]) for line in [*lines, *folding.rest()] if line.endswith(" more")]
    assert sum(counts) + sum(not line.endswith(" more") for line in lines) == 1000
    assert folding.rest() == []


def test_a_single_hidden_call_is_shown_itself() -> None:
    """W1: "1 more" would say less in as much room."""
    folding = Folding()
    lines = told(folding, ["a"] * (SHOWN_WHOLE + 1), apart_us=1)
    assert folding.lines(["waits"], 100, done=None) == [f"a {SHOWN_WHOLE}", "waits"]
    assert len(lines) == SHOWN_WHOLE
