"""`fork` and `diff`: what they print, what they refuse, and that looking writes nothing."""

from __future__ import annotations

import json

import pytest

from tests.cli.cli_project import Project

SHOP = """
from dataclasses import dataclass

from cerebelum import step, workflow


@dataclass
class Charge:
    total: float
    token: str = "hunter2"


@step
async def reserve(amount: int) -> int:
    return amount


@step
async def charge(amount: int) -> Charge:
    return Charge(amount * 10)


@step
async def ship(total: float) -> str:
    if total > 100:
        raise ValueError("too dear")
    return f"shipped {total:g}"


@workflow
async def order(amount: int = 50) -> str:
    charged = await charge(await reserve(amount))
    return await ship(charged.total)
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """A project with one failed order."""
    project.write("shop.py", SHOP)
    assert project("run", "shop.py", "--id", "one").exit_code == 1
    return project


def test_a_dry_run_tells_what_runs_again_and_writes_nothing(shop: Project) -> None:
    """E15: reused steps, steps that will RUN AGAIN, edits with old and new value."""
    told = shop("fork", "one", "--at", "ship", "--patch", "charge.total=5", "--dry-run")
    assert told.exit_code == 0, told.stderr
    assert "before ship runs, behind event 5 of" in told.stdout
    assert "charge.total: 500 → 5  (event 5)" in told.stdout
    assert "2 steps: reserve, charge" in told.stdout
    assert "will RUN AGAIN: ship" in told.stdout
    assert "nothing was written" in told.stderr
    assert shop("list", "-o", "ids").stdout.split() == ["one"]
    plan = json.loads(shop("fork", "one", "--at", "ship", "--dry-run", "--json").stdout)
    assert (plan["version"], plan["before_step"], plan["reused"]) == (5, "ship", ["reserve", "charge"])
    assert plan["runs_again"] == [{"step": "ship", "calls": 1, "at_most_once": False}]


def test_a_fork_runs_on_and_prints_its_result(shop: Project) -> None:
    """E15: here, until its end; where it comes from is told at once, and by `show` and `events`."""
    before = shop("events", "one", "-o", "json").stdout, shop("show", "one", "-o", "json").stdout
    forked = shop("fork", "one", "--at", "ship", "--patch", "charge.total=5", "--id", "two")
    assert (forked.exit_code, json.loads(forked.stdout)) == (0, "shipped 5")
    assert "fork of one at event 5" in forked.stderr
    assert "✓ ship" in forked.stderr
    assert "✓ charge" not in forked.stderr, "that was another execution"
    shown = shop("show", "two").stdout
    assert "one  at event 5" in shown
    assert "charge.total (event 5)" in shown
    assert json.loads(shop("show", "two", "--json").stdout)["forked_from"] == "one"
    assert '"forked_from": "one"' in shop("events", "two").stdout
    assert (shop("events", "one", "-o", "json").stdout, shop("show", "one", "-o", "json").stdout) == before


def test_a_fork_runs_on_recorded_code_unless_it_is_told_otherwise(shop: Project) -> None:
    """E15, E16: the file was mended: recorded code fails again, the code on disk does not, and the diff shows the line."""
    shop.write("shop.py", SHOP.replace("total > 100", "total > 1000"))
    assert shop("fork", "one", "--at", "ship", "--id", "old").exit_code == 1
    new = shop("fork", "one", "--at", "ship", "--code", "current", "--id", "new")
    assert (new.exit_code, json.loads(new.stdout)) == (0, "shipped 500")
    told = shop("diff", "one", "new").stdout
    assert "the first 5 events are copies" in told
    assert "they first differ at ·/6 code_changed" in told
    assert "-    if total > 100:" in told
    assert "+    if total > 1000:" in told


def test_code_that_goes_another_way_is_refused_with_the_event(shop: Project) -> None:
    """E16: nothing is written, and the first event that differs is named."""
    shop.write("shop.py", SHOP.replace("await charge(await reserve(amount))", "await charge(amount)"))
    refused = shop("fork", "one", "--at", "ship", "--code", "current")
    assert refused.exit_code == 4
    assert "error[CB434]" in refused.stderr
    assert "event 2" in refused.stderr
    assert "step_scheduled  reserve" in refused.stderr
    assert "cerebelum fork one --at 1" in refused.stderr
    assert shop("list", "-o", "ids").stdout.split() == ["one"]


@pytest.mark.parametrize(
    "options,exit_code,said",
    [
        ((), 2, "cerebelum fork one --at ship"),
        (("--at", "99"), 3, "error[CB431]"),
        (("--at", "shp"), 3, "its steps: reserve, charge, ship"),
        (("--at", "8"), 5, "error[CB432]"),
        (("--at", "ship", "--patch", "charge.totl=5"), 2, "its keys are total, token"),
        (("--at", "ship", "--patch", "charge.total=dear"), 2, "text is quoted: --patch 'charge.total=\"dear\"'"),
        (("--at", "ship", "--patch", 'charge.total="dear"'), 2, "error[CB433]"),
        (("--at", "ship", "--patch", "charge"), 2, "is not PATH=JSON"),
        (("--at", "ship", "--patch", "reserve=1"), 4, "cerebelum fork one --at 3"),
        (("--at", "ship", "--id", "one"), 5, "error[CB302]"),
        (("--at", "ship", "--code", "gone.py"), 9, "error[CB101]"),
    ],
)
def test_what_cannot_be_forked_is_refused(shop: Project, options: tuple[str, ...], exit_code: int, said: str) -> None:
    """E15, W1: with the code of its kind, the values, and a command to type; nothing is written."""
    refused = shop("fork", "one", *options)
    assert refused.exit_code == exit_code, refused.stderr
    assert said in refused.stderr
    assert shop("list", "-o", "ids").stdout.split() == ["one"]


def test_a_detached_fork_waits_for_whoever_runs_it(shop: Project) -> None:
    """E15: it is stored, its id printed, and `run --resume` goes on with it."""
    stored = shop("fork", "one", "--at", "ship", "--patch", "charge.total=5", "--id", "two", "--detach")
    assert (stored.exit_code, stored.stdout.strip()) == (0, "two")
    assert "cerebelum run --resume two" in stored.stderr
    resumed = shop("run", "--resume", "two")
    assert (resumed.exit_code, json.loads(resumed.stdout)) == (0, "shipped 5"), resumed.stderr


def test_a_diff_of_two_runs_names_what_differs(shop: Project) -> None:
    """E15: paths with old and new value, secrets masked, as text and as an object; equal runs have nothing to tell."""
    assert shop("run", "shop.py", "--id", "two", "-i", "amount=2").exit_code == 0
    told = shop("diff", "one", "two").stdout
    assert "they first differ at 1 execution_started" in told
    assert "args.amount: 50 → 2" in told
    whole = json.loads(shop("diff", "one", "two", "--json").stdout)
    assert whole["first_divergence"]["type"] == "execution_started"
    assert {"path": "result.total", "before": 500, "after": 20} in [
        change for event in whole["events"] for change in event["changes"]
    ]
    assert shop("run", "shop.py", "--id", "three", "-i", "amount=2").exit_code == 0
    same = shop("diff", "two", "three")
    assert "no event differs" in same.stdout
    assert "hunter2" not in shop("diff", "one", "two", "--all", "-o", "json").stdout
    assert shop("diff", "one", "four").exit_code == 3
