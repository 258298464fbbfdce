"""How much each workload does. One-step and ten-step workflows come in two sizes: at a peer's rate ours would take minutes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Sizes(Struct, frozen=True, kw_only=True):
    """Counts of one run.

    Attributes:
        one_step, one_step_peer: W1, workflows at once here and on a peer.
        ten_steps, ten_steps_peer: W2, likewise.
        idle: W3, workflows one after another.
        fan_out: W4, steps in one gather.
        sleepers: W5, workflows asleep.
        crashed: W6, workflows under way at the kill.
        long: W7, steps of one workflow.
        ends: W7, steps at each end that are compared.
        commands: W8, times each command is run.
        replays: W9, times a history of `long` steps is replayed.
        dev_starts: D1, times `cerebelum dev` and uvicorn are started.
        dev_edits: D2, edits of each.
        dev_open: D3, executions that are open, a multiple of five.
        dev_reloads: D3, edits that all of them fit, and as many that none does.
        tui_executions: T1 to T5, executions in the store.
        tui_steps: T2 to T4, steps of the longest history: two events each.
        tui_opens: T1, T2, times it is opened.
        tui_keys: T3, T4, keys pressed on each screen.
        tui_updates: T5, commits of another process.
        floor_rows: rows written one commit each; batched, a hundred times as many.
    """

    one_step: int
    one_step_peer: int
    ten_steps: int
    ten_steps_peer: int
    idle: int
    fan_out: int
    sleepers: int
    crashed: int
    long: int
    ends: int
    commands: int
    replays: int
    dev_starts: int
    dev_edits: int
    dev_open: int
    dev_reloads: int
    tui_executions: int
    tui_steps: int
    tui_opens: int
    tui_keys: int
    tui_updates: int
    floor_rows: int


FULL = Sizes(
    one_step=10_000, one_step_peer=1_000, ten_steps=2_000, ten_steps_peer=100, idle=200, fan_out=1_000, sleepers=5_000,
    crashed=200, long=2_000, ends=200, commands=5, replays=5, dev_starts=7, dev_edits=30, dev_open=200, dev_reloads=7,
    tui_executions=1_000_000, tui_steps=24_990, tui_opens=5, tui_keys=130, tui_updates=40, floor_rows=5_000,
)  # fmt: skip
QUICK = Sizes(
    one_step=1_000, one_step_peer=50, ten_steps=200, ten_steps_peer=10, idle=30, fan_out=200, sleepers=300, crashed=20,
    long=300, ends=30, commands=2, replays=2, dev_starts=3, dev_edits=10, dev_open=50, dev_reloads=3,
    tui_executions=50_000, tui_steps=2_000, tui_opens=2, tui_keys=26, tui_updates=10, floor_rows=500,
)  # fmt: skip
TINY = Sizes(
    one_step=20, one_step_peer=5, ten_steps=5, ten_steps_peer=2, idle=5, fan_out=20, sleepers=10, crashed=4, long=20,
    ends=5, commands=1, replays=1, dev_starts=1, dev_edits=2, dev_open=5, dev_reloads=1,
    tui_executions=2_000, tui_steps=60, tui_opens=1, tui_keys=13, tui_updates=2, floor_rows=20,
)  # fmt: skip
BY_NAME: Mapping[str, Sizes] = {"full": FULL, "quick": QUICK, "tiny": TINY}
