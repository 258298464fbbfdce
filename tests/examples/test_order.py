from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from examples.order import (
    AddressError,
    BankUnreachableError,
    Charge,
    Order,
    Reservation,
    charge_card,
    print_label,
    refund,
    release_stock,
    reserve_stock,
)
from tests.examples.command_line import EXAMPLES, CommandLine, succeeded, wait_until
from tests.examples.plain_steps import as_attempt, plain

FLOW = "order.py"
BOOK = Order(item="book", total=30, zip="94107")


@pytest.fixture
def cerebelum(tmp_path: Path) -> CommandLine:
    """The command, in a folder that holds the example alone, as in the README's tutorial."""
    shutil.copy(EXAMPLES / FLOW, tmp_path)
    return CommandLine(tmp_path)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The outside world of the example: one line for each effect."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "ledger.txt"


def effects(ledger: Path) -> list[str]:
    """Return the first word of each line: what was done, in order."""
    return [line.split()[0] for line in ledger.read_text(encoding="utf-8").splitlines()] if ledger.exists() else []


# -- the steps are functions ------------------------------------------------------------------------------------------


def test_steps_called_outside_a_workflow_are_their_functions(ledger: Path) -> None:
    """The example's steps take effect and return plain values without an engine."""
    assert plain(reserve_stock(BOOK)) == Reservation("book")
    assert plain(print_label(BOOK)) == "book -> 94107"
    assert effects(ledger) == ["reserved", "labelled"]


def test_the_first_charge_fails_and_takes_no_money(ledger: Path) -> None:
    """D7: the flaky step fails at its first attempt, always, before its effect."""
    with pytest.raises(BankUnreachableError):
        as_attempt(1, charge_card, BOOK)
    assert effects(ledger) == []


def test_every_later_charge_has_the_id_of_the_idempotency_key(ledger: Path) -> None:
    """I7: attempts share a key, so a bank that knows it charges once."""
    assert as_attempt(2, charge_card, BOOK) == as_attempt(3, charge_card, BOOK) == Charge("charge-exec-1/2", 30)


@pytest.mark.parametrize("bad", ["", "ABC", "9410", "941070", "94 07"])
def test_a_bad_zip_is_refused_before_anything_is_printed(ledger: Path, bad: str) -> None:
    """An address that cannot be right fails the step, with no effect."""
    with pytest.raises(AddressError, match="bad zip"):
        plain(print_label(Order("book", 30, bad)))
    assert effects(ledger) == []


def test_compensations_name_what_they_undo(ledger: Path) -> None:
    """D14: a compensation gets what the step returned."""
    plain(refund(Charge("charge-1", 30)))
    plain(release_stock(Reservation("book")))
    assert ledger.read_text(encoding="utf-8") == "refunded 30 of charge-1\nreleased book\n"


# -- through the command line -----------------------------------------------------------------------------------------


def test_an_order_completes(cerebelum: CommandLine, ledger: Path) -> None:
    """W1, D7: one command from input to receipt; the flaky step's failed attempt is in the history."""
    assert succeeded(cerebelum("run", FLOW, "-i", "item=book", "-i", "total=30", "--id", "order-1"))
    assert effects(ledger) == ["reserved", "charged", "labelled"]
    types = cerebelum.event_types("order-1")
    assert (types[0], types[-1]) == ("execution_started", "execution_completed")
    assert (types.count("step_failed"), types.count("step_completed"), types.count("timer_fired")) == (1, 3, 1)


def test_a_bad_address_undoes_all_newest_first(cerebelum: CommandLine, ledger: Path) -> None:
    """D12, D13, D15, D16: the charge is refunded, then the stock released; the execution keeps the address error."""
    done = cerebelum("run", FLOW, "-i", "zip=ABC", "-i", "packing_s=0", "--id", "order-1")
    assert done.returncode == 1
    assert "bad zip 'ABC'" in done.stderr
    assert effects(ledger) == ["reserved", "charged", "refunded", "released"]
    types = cerebelum.event_types("order-1")
    assert types[-1] == "execution_failed"
    assert (types.count("compensation_started"), types.count("compensation_completed")) == (2, 2)
    assert cerebelum.shown("order-1")["status"] == "failed"


def test_a_large_order_waits_for_its_approval(cerebelum: CommandLine, ledger: Path) -> None:
    """C8: above the limit nothing is packed until a signal comes from another process."""
    with cerebelum.started("run", FLOW, "-i", "total=20000", "-i", "packing_s=0", "--id", "big") as running:
        wait_until(lambda: running.poll() is not None or cerebelum.is_waiting())
        assert running.poll() is None
        assert effects(ledger) == ["reserved", "charged"]
        assert succeeded(cerebelum("signal", "big", "approved"))
        wait_until(lambda: running.poll() is not None)
        assert running.returncode == 0
    assert effects(ledger) == ["reserved", "charged", "labelled"]


RESUME = [
    pytest.param(("--resume", "order-1"), id="resume"),
    pytest.param((FLOW, "-i", "packing_s=3", "--id", "order-1", "--if-exists", "use"), id="same-id"),
]


@pytest.mark.parametrize("again", RESUME)
def test_killed_in_its_sleep_it_goes_on_without_repeating(
    cerebelum: CommandLine, ledger: Path, again: tuple[str, ...]
) -> None:
    """C4, D7: after kill -9 during the durable timer, recorded steps do not run again, and the order completes."""
    assert cerebelum.kill_when(cerebelum.is_waiting, "run", FLOW, "-i", "packing_s=3", "--id", "order-1")
    assert effects(ledger) == ["reserved", "charged"]
    assert succeeded(cerebelum("run", *again))
    assert effects(ledger) == ["reserved", "charged", "labelled"]
    types = cerebelum.event_types("order-1")
    assert (types.count("timer_started"), types.count("timer_fired")) == (1, 1)


@pytest.mark.parametrize("lines", [1, 2])
def test_killed_right_after_an_effect_it_may_repeat_that_one_only(
    cerebelum: CommandLine, ledger: Path, lines: int
) -> None:
    """I6, I7: the effect whose record may be lost runs at most once more, with the same key; each completes once."""
    flow = ("run", FLOW, "-i", "packing_s=0.5", "--id", "order-1", "--if-exists", "use")
    assert cerebelum.kill_when(lambda: len(effects(ledger)) >= lines, *flow)
    assert succeeded(cerebelum(*flow))
    told = ledger.read_text(encoding="utf-8").splitlines()
    assert len(told) <= 4
    assert len(set(told)) == 3
    assert cerebelum.event_types("order-1").count("step_completed") == 3


def test_killed_while_it_undoes_it_goes_on_undoing(cerebelum: CommandLine, ledger: Path) -> None:
    """D16: after kill -9 in the middle of a rollback, the rest is undone, and the execution ends as failed."""
    flow = ("run", FLOW, "-i", "zip=ABC", "-i", "packing_s=0", "--id", "order-1")
    cerebelum.kill_when(lambda: "refunded" in effects(ledger), *flow)
    assert cerebelum(*flow, "--if-exists", "use").returncode == 1
    assert {"refunded", "released"} <= set(effects(ledger))
    types = cerebelum.event_types("order-1")
    assert (types.count("compensation_completed"), types[-1]) == (2, "execution_failed")


def test_an_id_that_is_taken_starts_nothing(cerebelum: CommandLine, ledger: Path) -> None:
    """W1: the same id again is a conflict, exit code 5; with --if-exists use it is the first one's result."""
    flow = ("run", FLOW, "-i", "packing_s=0", "--id", "order-1")
    assert succeeded(cerebelum(*flow))
    assert cerebelum(*flow, "--if-exists", "fail").returncode == 5
    assert succeeded(cerebelum(*flow, "--if-exists", "use"))
    assert effects(ledger) == ["reserved", "charged", "labelled"]


def test_replaying_an_order_repeats_no_effect(cerebelum: CommandLine, ledger: Path) -> None:
    """E13, W5: replay runs the workflow's code against its history and touches nothing outside."""
    assert succeeded(cerebelum("run", FLOW, "-i", "packing_s=0", "--id", "order-1"))
    before, events = effects(ledger), cerebelum.event_types("order-1")
    assert succeeded(cerebelum("replay", "order-1"))
    assert (effects(ledger), cerebelum.event_types("order-1")) == (before, events)
