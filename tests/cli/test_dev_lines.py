"""The lines of `cerebelum dev`, from what they tell of."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import cerebelum
from cerebelum import workflow
from cerebelum.engine.application.reloading import FileOutcome, Reloaded
from cerebelum.engine.application.start import start_many
from cerebelum.engine.application.verdicts import Verdict
from cerebelum.engine.domain.errors_code import FlowSyntaxError
from cerebelum_cli.composition import opened
from cerebelum_cli.dev.code_news import CodeNews
from cerebelum_cli.dev.happenings import Happenings
from cerebelum_cli.dev.start_up import Ready, announce
from cerebelum_cli.dev.voice import Voice

FILE = Path("/somewhere/flows/order.py")


def verdict(number: int, outcome: str, reason: str = "") -> Verdict:
    return Verdict(
        execution_id=f"exec-{number}", workflow="order", outcome=outcome, before="3f2a0000", now="91bc0000",  # type: ignore[arg-type]
        reason=reason,
    )  # fmt: skip


def loaded(*verdicts: Verdict, unchecked: int = 0) -> FileOutcome:
    reloaded = Reloaded(changed=("order",), verdicts=list(verdicts), unchecked=unchecked, duration_us=38_000)
    return FileOutcome(path=FILE, shown="flows/order.py", reloaded=reloaded, workflows=("order",), serving="91bc0000")


async def test_a_reload_tells_who_moved_and_who_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """V13: how many are in flight, how many moved, and for those that stay why and what can be done."""
    news = CodeNews(Voice(as_json=False))
    news.tell([loaded(verdict(1, "moved"), verdict(2, "moved"), verdict(3, "kept", "step order changed"), unchecked=7)])
    told = capsys.readouterr().out
    assert "reloaded  flows/order.py  38ms   10 in flight: 2 moved, 1 kept on @3f2a (step order changed), " in told
    assert "7 are checked when they wake" in told
    assert "exec-3  finishes on @3f2a, or: cerebelum cancel exec-3, cerebelum fork exec-3 --at STEP --code" in told
    assert list(news.kept) == ["exec-3"]
    news.tell([loaded(verdict(3, "moved"))])
    assert news.kept == {}


async def test_one_fault_that_breaks_many_files_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """W3: a broken module that several flows import is one error, which names them."""
    error = FlowSyntaxError("prices.py", line_number=3, reason="invalid syntax", line="x = ", column=5)
    outcomes = [
        FileOutcome(path=Path(f"/somewhere/{name}.py"), shown=f"{name}.py", error=error, serving="91bc0000")
        for name in ("a", "b")
    ]
    news = CodeNews(Voice(as_json=False))
    news.tell(outcomes)
    told = capsys.readouterr().out
    assert told.count("> 3 | x =") == 1
    assert "prices.py:3  still serving @91bc" in told
    assert "keeps from loading: a.py, b.py" in told
    news.tell(outcomes)
    again = capsys.readouterr().out
    assert "the same, 2 times now" in again
    assert len(again.splitlines()) == 1


@workflow
async def quick() -> int:
    return 1


async def test_a_thousand_ends_are_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    """W2: a burst of executions leaves some lines and a number, not a screen that runs away."""
    happenings = Happenings(Voice(as_json=False))
    async with opened("memory://", on_event=happenings.on_event) as engine:
        await engine.start_node()
        await start_many(engine, quick, [()] * 1000)
        while len(happenings._news) < 1000:  # noqa: ASYNC110 - until the node has told of all
            await asyncio.sleep(0)
        await happenings.tell_rest(engine)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert "and 992 completed" in lines[-1]


async def test_the_first_lines_say_what_waits_for_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    """W2: version, store with its contents, flows by folder, and open executions that no file here can run."""
    outcomes = [
        FileOutcome(path=Path(f"/p/flows/{name}.py"), shown=f"flows/{name}.py", workflows=(name,)) for name in "ab"
    ]
    announce(
        Voice(as_json=False),
        Ready(
            ready_us=212_000, store=".cerebelum/dev.db", executions=14, resumed=1, elsewhere={"gone": 2}, outcomes=outcomes,
            speed=60, has_keys=True, restarted=False,
        ),
    )  # fmt: skip
    told = capsys.readouterr().out
    assert f"cerebelum {cerebelum.__version__}  ready in 212 ms" in told
    assert "store    .cerebelum/dev.db (14 executions, 1 resumed)" in told
    assert "flows    a, b      from flows/*.py" in told
    assert "2 open executions of 'gone', which no file here declares: kept, not run" in told
    assert "speed    timers run 60 times as fast" in told
    assert "keys     h help" in told
