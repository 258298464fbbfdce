"""`blocking_engine` comes with cerebelum: it keeps everything in memory, and a week passes at once."""

import pytest
from cerebelum import InputRefused

from flow import expense, pay


def test_a_small_expense_is_paid_at_once(blocking_engine):
    """Nobody is asked."""
    outcome = blocking_engine.run(expense, "Ada", 100)
    assert (outcome.paid, outcome.decided_by) == (True, "nobody")


def test_the_manager_approves_on_the_next_day(blocking_engine):
    """The money is paid once."""
    with blocking_engine.replace_step(pay, lambda employee, amount: None) as paid:
        handle = blocking_engine.start(expense, "Ada", 500)
        blocking_engine.at(days=1).answer(handle, "manager", {"verdict": "approve"})
        assert handle.result().decided_by == "manager"
        assert paid.count == 1


def test_the_manager_rejects(blocking_engine):
    """Nothing is paid, and the comment arrives."""
    with blocking_engine.replace_step(pay, lambda employee, amount: None) as paid:
        handle = blocking_engine.start(expense, "Ada", 500)
        blocking_engine.at(hours=1).answer(handle, "manager", {"verdict": "reject", "comment": "too dear"})
        assert handle.result().comment == "too dear"
        assert paid.count == 0


def test_after_two_days_the_director_is_asked(blocking_engine):
    """A manager on holiday stops nothing."""
    handle = blocking_engine.start(expense, "Ada", 500)
    blocking_engine.at(days=3).answer(handle, "director", {"verdict": "approve"})
    assert handle.result().decided_by == "director"


def test_when_nobody_answers_nothing_is_paid(blocking_engine):
    """Two days for the manager and five for the director, then it is over."""
    began = blocking_engine.now
    outcome = blocking_engine.run(expense, "Ada", 500)
    assert (outcome.paid, outcome.comment) == (False, "nobody answered")
    assert (blocking_engine.now - began).days == 7


def test_an_answer_that_is_none_is_refused(blocking_engine):
    """The form is checked before anything is stored, and the question stays open."""
    handle = blocking_engine.start(expense, "Ada", 500)
    blocking_engine.settle()
    with pytest.raises(InputRefused, match="verdict"):
        handle.provide_input("manager", {"verdict": "perhaps"})
    handle.provide_input("manager", {"verdict": "approve"})
    assert handle.result().paid
