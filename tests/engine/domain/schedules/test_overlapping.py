"""What becomes of a fire while an earlier one still runs."""

from __future__ import annotations

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from cerebelum.engine.domain.schedules.overlapping import Admission, Overlap, admit


def actions(admissions: list[Admission]) -> list[str]:
    return [admission.action for admission in admissions]


def test_a_free_schedule_starts_its_fire_whatever_the_policy() -> None:
    """Where nothing runs, a single fire starts, and nothing is cancelled."""
    for overlap in get_args(Overlap):
        assert admit([1], overlap, running=[]) == [Admission(1, "start")]


def test_skip_leaves_out_what_comes_while_one_runs() -> None:
    """overlap="skip": the reason names the execution that runs."""
    assert admit([1], "skip", running=["a"]) == [Admission(1, "skip", reason="a still runs")]
    assert actions(admit([1, 2, 3], "skip", running=[])) == ["start", "skip", "skip"]


def test_queue_waits_in_order_and_within_a_bound() -> None:
    """overlap="queue": fires wait behind what runs and what waits already; beyond the bound they are left out, and told."""
    assert actions(admit([1, 2], "queue", running=["a"], most_queued=5)) == ["queue", "queue"]
    assert actions(admit([1, 2, 3], "queue", running=[], most_queued=1)) == ["start", "queue", "skip"]
    assert actions(admit([1], "queue", running=[], queued=1, most_queued=2)) == ["queue"]
    assert admit([1], "queue", running=["a"], queued=3, most_queued=3)[0].reason == "a still runs; 3 wait already"


def test_allow_starts_all() -> None:
    """overlap="allow": fires stand in nobody's way."""
    assert actions(admit([1, 2], "allow", running=["a"])) == ["start", "start"]


def test_cancel_previous_starts_only_the_newest() -> None:
    """overlap="cancel_previous": nothing starts only to be cancelled at once, and all that runs is cancelled."""
    older, newest = admit([1, 2], "cancel_previous", running=["a", "b"])
    assert (older.action, older.cancel) == ("skip", ())
    assert (newest.action, newest.cancel) == ("start", ("a", "b"))


@settings(derandomize=True, database=None)
@given(
    fires=st.lists(st.integers(0, 10**6), unique=True, max_size=8).map(sorted),
    overlap=st.sampled_from(get_args(Overlap)),
    running=st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
    queued=st.integers(0, 4),
    most_queued=st.integers(1, 4),
)
def test_each_fire_gets_one_answer(
    fires: list[int], overlap: Overlap, running: list[str], queued: int, most_queued: int
) -> None:
    """Whatever is due and runs: one answer for each fire, in order; only "allow" lets two run; a refusal has a reason."""
    found = admit(fires, overlap, running=running, queued=queued, most_queued=most_queued)
    assert [admission.fire_us for admission in found] == fires
    starts = actions(found).count("start")
    if overlap != "allow":
        assert starts <= 1
        assert not starts or not running or overlap == "cancel_previous"
    assert actions(found).count("queue") <= max(0, most_queued - queued)
    assert all(admission.reason for admission in found if admission.action != "start")
