"""`python -m cerebelum_cli.disk_code_process`: answers one question about the code on disk, and ends.

The terminal interface starts it, so that code which fails, prints or never ends takes nothing else with it. It ends at
once when its standard input is closed: who asked has gone, or has lost interest.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from cerebelum.engine.application.disk_code import (
    Answer,
    DiskFailed,
    DiskFork,
    DiskForked,
    DiskFrames,
    DiskLoaded,
    DiskReplay,
    DiskVerdict,
    Question,
    read_question,
    write_message,
)
from cerebelum.engine.domain.errors import CerebelumError

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.application.replay import ExecutionReplay
    from cerebelum.engine.domain.execution import ExecutionRow
    from cerebelum_cli.flows import ChosenFlow

Tell = Callable[[Answer], None]
_FRAMES_PER_MESSAGE = 50


def main() -> None:
    """Answer what is asked on the standard input."""
    asked, answers = _streams()
    try:
        question = read_question(asked)
    except EOFError:
        return
    threading.Thread(target=_end_with, args=(asked,), daemon=True).start()

    def tell(answer: Answer) -> None:
        write_message(answers, answer)

    from cerebelum_cli.composition import run_async

    try:
        run_async(_answer(question, tell))
    except CerebelumError as error:
        tell(DiskFailed(str(error), _line(error)))
    except Exception as error:  # of code that somebody is writing just now
        tell(DiskFailed(f"{type(error).__name__}: {error}"))
    answers.flush()
    os._exit(0)  # what the code began (threads, handlers at exit) is not waited for


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Take both streams for ourselves: what the code prints goes nowhere, and it reads nothing."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process lives
    return asked, answers


def _end_with(stream: BinaryIO) -> None:
    stream.read()
    os._exit(0)


def _line(error: CerebelumError) -> str:
    path, number = getattr(error, "path", ""), getattr(error, "line_number", 0)
    return f"{path}:{number}" if path and number else ""


async def _answer(question: Question, tell: Tell) -> None:
    from cerebelum.engine.application import query
    from cerebelum.engine.runtime.interception import install
    from cerebelum_cli.composition import opened, project_of, reading
    from cerebelum_cli.flows import find_flow

    install()  # before user code is imported: a module may keep `time.time` under a name of its own
    url = question.store_url
    writes = isinstance(question, DiskFork) and question.write
    async with opened(url) if writes else reading(url) as engine:
        row = await engine.store.get_execution(question.execution_id)
        if row is None:
            raise await query.not_found(engine, question.execution_id)
        command = f"cerebelum replay {row.id} --check --code FLOW.py"
        flow = await find_flow(engine, row, help_=command, project=project_of(url))
        _describe(flow, tell)
        if isinstance(question, DiskReplay):
            await _replay(engine, row, flow, question, tell)
        else:
            await _fork(engine, flow, question, tell)


def _describe(flow: ChosenFlow, tell: Tell) -> None:
    from cerebelum.engine.runtime.code.digest import describe
    from cerebelum.engine.runtime.code.modules import captured_module, finder

    digest = flow.definition.code = describe(flow.definition).short_digest
    entry = captured_module(flow.definition.function.__module__)
    names = [entry.prefix + name for name in entry.bundle.modules] if entry is not None else []
    found = [module.file for name in names if (module := finder.get(name)) is not None and module.file]
    tell(DiskLoaded(flow.flow.shown, tuple(dict.fromkeys((str(flow.flow.path), *found))), digest))


async def _replay(engine: Engine, row: ExecutionRow, flow: ChosenFlow, question: DiskReplay, tell: Tell) -> None:
    from cerebelum.engine.application.history_checks import check_history
    from cerebelum.engine.application.replay import replay_execution

    checked = await check_history(engine, row, flow.definition)
    replay = None
    if question.frames:
        replay = await replay_execution(engine, row.id, definition=flow.definition, watch=question.watch)
    tell(DiskVerdict(checked, dict(replay.code.sources) if replay is not None else {}))
    if replay is not None:
        _send_frames(replay, tell)


def _send_frames(replay: ExecutionReplay, tell: Tell) -> None:
    """Send the frames as far as they go: where the code diverges is told by then."""
    batch: list[Any] = []
    try:
        for frame in replay:
            batch.append(frame)
            if len(batch) >= _FRAMES_PER_MESSAGE:
                tell(DiskFrames(batch))
                batch = []
    except CerebelumError:
        pass
    tell(DiskFrames(batch))


async def _fork(engine: Engine, flow: ChosenFlow, question: DiskFork, tell: Tell) -> None:
    from cerebelum.engine.application.forking import ForkRequest, prepare_fork, write_fork

    if question.write:
        await flow.register(engine)
    request = ForkRequest(at=question.at, edits=question.edits, definition=flow.definition)
    prepared = await prepare_fork(engine, question.execution_id, request)
    if question.write:
        await write_fork(engine, prepared)
    tell(DiskForked(prepared.plan, prepared.execution_id if question.write else ""))


if __name__ == "__main__":
    main()
