"""Looks at a schedule, one after another, with a model of what it has started: random clocks, durations and crashes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cerebelum.engine.domain.execution import Status
from cerebelum.engine.domain.schedules.catching_up import CatchUp, Progress
from cerebelum.engine.domain.schedules.firing import look_at, refreshed
from cerebelum.engine.domain.schedules.overlapping import Overlap
from cerebelum.engine.domain.schedules.rules import Every
from cerebelum.engine.domain.schedules.schedule import ScheduleRow, ScheduleRun
from cerebelum.engine.domain.schedules.spec import ScheduleSpec

MINUTE_US = 60_000_000
BEGIN_US = 1_000_000 * MINUTE_US
OVERLAPS: tuple[Overlap, ...] = ("skip", "queue", "allow", "cancel_previous")
CATCH_UPS: tuple[CatchUp, ...] = ("one", "all", "none")
# (what happens, by how many seconds): the clock moves, the oldest execution ends, a look is lost in a crash
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(0, 400)),
        st.tuples(st.just("pass"), st.integers(0, 30_000)),
        st.tuples(st.just("back"), st.integers(1, 20_000)),
        st.tuples(st.sampled_from(["end", "crash", "delete"]), st.just(0)),
    ),
    max_size=60,
)


class Model:
    """What a store would hold."""

    def __init__(self, spec: ScheduleSpec) -> None:
        row = ScheduleRow(name="s", workflow="w", spec=spec, progress=Progress(BEGIN_US))
        self.row, self.now_us = refreshed(row), BEGIN_US
        self.runs: dict[int, ScheduleRun] = {}
        self.status: dict[str, Status] = {}
        self.left_out = 0

    def look(self, *, crash: bool = False) -> None:
        open_runs = [
            (run, self.status.get(run.execution_id or "")) for _, run in sorted(self.runs.items()) if run.is_open
        ]
        ran = [run.fire_at_us for run in self.runs.values() if run.execution_id or run.is_open]
        firing = look_at(self.row, self.now_us, open_runs, ran_later_us=ran)
        if crash:
            return
        for fire_us in firing.ended:
            self.runs[fire_us] = replace(self.runs[fire_us], is_open=False)
        for run in firing.runs:
            before = self.runs.get(run.fire_at_us)
            assert before is None or before.execution_id is None, "a fire ran twice"
            self.runs[run.fire_at_us] = run
        for id_ in firing.cancel:
            assert self.status[id_] == "running"
            self.status[id_] = "cancelled"
        for run in firing.started:
            assert run.execution_id is not None
            assert run.execution_id not in self.status
            self.status[run.execution_id] = "running"
        self.row = firing.row

    @property
    def running(self) -> list[str]:
        return [id_ for id_, status in self.status.items() if status == "running"]

    @property
    def queued(self) -> list[int]:
        return [fire_us for fire_us, run in sorted(self.runs.items()) if run.outcome == "queued"]

    def happen(self, what: str, seconds: int) -> None:
        if what == "pass":
            self.now_us += seconds * 1_000_000
        elif what == "back":
            self.now_us -= seconds * 1_000_000
        elif what == "end" and self.running:
            self.status[self.running[0]] = "completed"
        elif what == "delete" and self.running:
            del self.status[self.running[0]]
        self.look(crash=what == "crash")


@settings(max_examples=400, deadline=None)
@given(
    overlap=st.sampled_from(OVERLAPS), catch_up=st.sampled_from(CATCH_UPS), most=st.integers(1, 4),
    jitter_s=st.integers(0, 59), events=EVENTS,
)  # fmt: skip
def test_no_fire_runs_twice_and_each_overlap_keeps_its_word(
    overlap: Overlap, catch_up: CatchUp, most: int, jitter_s: int, events: list[tuple[str, int]]
) -> None:
    """J9, J10: whatever clock, executions and crashes do: no fire twice, never more at once than the overlap allows."""
    spec = ScheduleSpec(
        rule=Every(MINUTE_US), overlap=overlap, catch_up=catch_up, max_missed=most, jitter_us=jitter_s * 1_000_000
    )
    model = Model(spec)
    for what, seconds in events:
        before = len(model.runs)
        model.happen(what, seconds)
        assert len(model.runs) - before <= max(most, 1) + 1, "the work is bounded by max_missed"
        if overlap != "allow" and what != "delete":
            assert len(model.running) <= 1
        assert len(model.queued) == model.row.waiting <= (most if overlap == "queue" else 0)
        if model.row.due_at_us is not None and what != "crash":
            assert model.row.due_at_us > model.now_us or model.row.progress.decided_until_us > model.now_us
        for fire_us, run in model.runs.items():
            assert fire_us % MINUTE_US == 0
            assert run.is_open or run.outcome != "queued"


@settings(max_examples=100, deadline=None)
@given(events=st.lists(st.tuples(st.integers(1, 500), st.booleans()), max_size=60))
def test_a_queue_keeps_its_order(events: list[tuple[int, bool]]) -> None:
    """J9: queued fires start in the order of their times, each after the one before has ended."""
    model = Model(ScheduleSpec(rule=Every(MINUTE_US), overlap="queue", catch_up="all", max_missed=1000))
    for seconds, ends in events:
        model.happen("end" if ends else "pass", seconds)
    started = list(model.status)
    assert started == sorted(started)


@settings(max_examples=100, deadline=None)
@given(steps_s=st.lists(st.integers(1, 100_000), min_size=1, max_size=30))
def test_with_allow_and_all_within_the_bound_nothing_is_left_out(steps_s: list[int]) -> None:
    """J5, J10: every fire of the span is started, however the looks fall, as long as `max_missed` covers the gaps."""
    model = Model(ScheduleSpec(rule=Every(2000 * MINUTE_US), overlap="allow", catch_up="all", max_missed=10))
    for seconds in steps_s:
        model.happen("pass", seconds)
    rule = model.row.spec.rule
    assert len(model.status) == rule.count(BEGIN_US, model.now_us)
