"""`replay`: the code of an execution against its history. No step runs, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, chosen
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cerebelum.engine.application.engine import Engine
    from cerebelum.engine.application.replay import ExecutionReplay
    from cerebelum.engine.application.replay_report import ReplayReport


_MaybeId = Annotated[
    str | None,
    typer.Argument(
        metavar="ID", show_default=False, help="An execution: its id, a unique beginning of it, @last or @last-failed."
    ),
]
_Dap = Annotated[
    bool, typer.Option("--dap", help="Let an editor walk it: the Debug Adapter Protocol on stdin and stdout.")
]
_DapPort = Annotated[
    int | None,
    typer.Option(
        "--dap-port", min=0, max=65535, metavar="N", help="The same, for editors that connect; 0: a free port."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(replay)


def replay(
    execution_id: _MaybeId = None,
    to: Annotated[
        int | None, typer.Option("--to", min=1, metavar="N", help="Stop after event N, and show the state there.")
    ] = None,
    watch: Annotated[
        list[str] | None, typer.Option("--watch", metavar="EXPR", help="Follow a value: order.total, len(items) > 3.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only compare, with the code on disk.")] = False,
    code: Annotated[
        str | None,
        typer.Option("--code", metavar="FLOW.py[:name]", help="Replay on this code; default: the code that ran."),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Step through it with typed commands (? lists them); without input, lines only."),
    ] = False,
    dap: _Dap = False,
    dap_port: _DapPort = None,
    store: StoreOption = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Replay an execution: for each event the line its code stood on, and the locals that changed.

    With --dap or --dap-port an editor steps through it, forwards and back; there the ID may be left to the editor.
    Exit codes: 0 the code does what the history says, 3 no such execution, 4 it does something else.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.settings import store_url

    if dap or dap_port is not None:
        shows = bool(watch or check or plain or as_json or output is not Format.text)
        _serve(execution_id or "", to, code, dap_port, store, shows=shows)
        return
    if execution_id is None:
        raise UsageProblem("Missing argument 'ID'.", help_="cerebelum replay --help")
    wanted = _Wanted(execution_id, to, watch or [], check, code, plain, chosen(output, as_json))
    made = run_async(_loaded(store_url(store), wanted))
    _replay(made, wanted)


def _serve(text: str, to: int | None, code: str | None, port: int | None, store: str | None, *, shows: bool) -> None:
    """Let editors walk it."""
    from cerebelum_cli.dap.command import Adapter
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.settings import store_url

    if shows:
        problem = "--dap goes with none of --watch, --check, --plain and -o: the editor asks for what it shows"
        raise UsageProblem(problem, help_=f"cerebelum replay {text or 'ID'} --dap")
    Adapter(text, store_url(store), to, code, port).serve()


class _Wanted:
    def __init__(
        self, text: str, to: int | None, watch: list[str], check: bool, code: str | None, plain: bool, output: Format
    ) -> None:
        self.text, self.to, self.watch, self.check = text, to, watch, check
        self.code, self.plain, self.output = code, plain, output


async def _loaded(url: str, wanted: _Wanted) -> ExecutionReplay:
    from cerebelum_cli.composition import reading
    from cerebelum_cli.streams import printing_is_talk

    async with reading(url) as engine:
        with printing_is_talk():  # stored code is imported, too
            return await _load(engine, url, wanted)


def _replay(made: ExecutionReplay, wanted: _Wanted) -> None:
    from cerebelum.engine.domain.errors import HistoryMismatch
    from cerebelum.engine.domain.errors_determinism import ActivationBlocked
    from cerebelum_cli.errors import ReplayDiffers

    try:
        report = made.to_end() if wanted.check else _shown(made, wanted)
    except HistoryMismatch as error:
        _add_source(error, made)
        raise
    except ActivationBlocked as error:
        error.exit_code = ReplayDiffers.exit_code  # the code does not go the recorded way
        raise
    if wanted.check and wanted.output in (Format.json, Format.jsonl):
        from cerebelum_cli.output import print_json
        from cerebelum_cli.replay_shapes import of_report

        print_json(of_report(report))
    _tell(report, made)
    if report.stuck and report.is_open:
        raise ReplayDiffers(report.execution_id, f"still open ({report.status})", f"does not wait: {report.stuck}")
    if not report.fits:
        raise ReplayDiffers(report.execution_id, report.recorded, report.replayed)


async def _load(engine: Engine, url: str, wanted: _Wanted) -> ExecutionReplay:
    from cerebelum.engine.application import query
    from cerebelum.engine.application.replay import replay_execution
    from cerebelum_cli.composition import project_of
    from cerebelum_cli.errors import EventNotFound, UsageProblem
    from cerebelum_cli.flows import find_flow, load_target

    execution_id = await query.resolve_id(engine, wanted.text)
    row = (await query.get_execution(engine, execution_id)).row
    if wanted.to is not None and wanted.to > row.last_version:
        raise EventNotFound(execution_id, wanted.to, row.last_version)
    flow = None
    if wanted.code is not None:
        flow = load_target(wanted.code if ":" in wanted.code else f"{wanted.code}:{row.workflow}")
    elif wanted.check:
        command = f"cerebelum replay {execution_id} --check --code FLOW.py"
        flow = await find_flow(engine, row, help_=command, project=project_of(url))
    if flow is not None:
        from cerebelum.engine.runtime.code.digest import describe

        flow.definition.code = describe(flow.definition).short_digest
    try:
        return await replay_execution(
            engine, execution_id, definition=flow.definition if flow else None, to_version=wanted.to,
            watch=wanted.watch, frames=not wanted.check,
        )  # fmt: skip
    except ValueError as error:
        raise UsageProblem(str(error), help_=f"cerebelum replay {execution_id} --watch order.total") from None


def _shown(made: ExecutionReplay, wanted: _Wanted) -> ReplayReport:
    if wanted.plain and wanted.output is Format.text:
        import sys

        from cerebelum_cli.typed_lines import typed_lines

        lines = typed_lines(sys.stdin, sys.stdout)
        if lines is not None:
            return _walked(made, wanted, lines)
    if wanted.output is Format.text:
        _print_all(made, wanted)
    else:
        _print_data(made, wanted.output)
    assert made.report is not None
    return made.report


def _walked(
    made: ExecutionReplay, wanted: _Wanted, lines: Callable[[Callable[[], str]], Iterator[str]]
) -> ReplayReport:
    """Step through the frames as the typed lines say."""
    from cerebelum.engine.application.frames import Frames
    from cerebelum_cli.stepper import Stepper
    from cerebelum_cli.streams import err

    stepper = Stepper(Frames(made), say=out, tell=err, at=wanted.to or 1)
    try:
        stepper.show()
        for line in lines(lambda: stepper.prompt):
            if not stepper.do(line):
                break
        stepper.frames.wait()
        if stepper.frames.error is not None:
            raise stepper.frames.error
        report = stepper.frames.report
    finally:
        stepper.frames.close()
    assert report is not None, "a pass that ends without an error has reported"
    return report


def _print_all(made: ExecutionReplay, wanted: _Wanted) -> None:
    from cerebelum_cli.output import say
    from cerebelum_cli.replay_text import print_frame, print_state

    start_us, last, valueless = None, None, dict.fromkeys(made.watches, "")
    for frame in made:
        start_us = frame.at_us if start_us is None else start_us
        last = frame
        print_frame(frame, start_us, plain=wanted.plain)
        for text in frame.watched:
            valueless.pop(text, None)
        valueless |= {text: reason for text, reason in frame.watch_errors.items() if valueless.get(text) == ""}
    if last is not None and wanted.to is not None:
        print_state(last, made.sources(last.code))
    for text, reason in valueless.items():
        say(f"watch {text} had no value at any event{f': {reason}' if reason else ''}")


def _print_data(made: ExecutionReplay, output: Format) -> None:
    """Print frames as they are made; none is kept."""
    from cerebelum_cli.json_stream import JsonArray
    from cerebelum_cli.output import print_json_line
    from cerebelum_cli.replay_shapes import of_frame

    if output is Format.json:
        with JsonArray() as array:
            for frame in made:
                array.add(of_frame(made.row.id, frame, made.sources(frame.code)))
        return
    for frame in made:
        if output is Format.jsonl:
            print_json_line(of_frame(made.row.id, frame, made.sources(frame.code)))
        else:
            out(str(frame.version))


def _tell(report: ReplayReport, made: ExecutionReplay) -> None:
    from cerebelum_cli.output import say
    from cerebelum_cli.words import duration

    counted = (
        f"{report.events} of {report.event_count} events"
        if report.events < report.event_count
        else f"{report.events} events"
    )
    told = {
        "same": f"the same: {report.recorded}",
        "open": f"fits so far; it is still open ({report.status})",
        "stopped": "fits so far",
        "by_engine": f"fits; the engine ended it: {report.recorded}",
        "different": "not the same",
    }[report.outcome]
    say(
        f"{told}  ({counted} in {duration(report.took_us)}; code @{report.code[:4] or '?'}, {_ORIGINS[report.code_origin]})"
    )
    if report.stuck:
        say(f"  {report.stuck}")
    for digest in made.missing:
        say(f"  the code @{digest[:4]} is not stored any more: its events are shown on the version after it")


_ORIGINS = {"loaded": "as it ran", "stored": "as it ran", "given": "from disk"}


def _add_source(error: Any, made: ExecutionReplay) -> None:
    """Add the source line at which the code of now asked for something else."""
    from cerebelum.engine.domain.errors_code import excerpt
    from cerebelum_cli.replay_text import source_line

    file, _, number = error.requested_line.partition(" ")[0].rpartition(":")
    if file and number.isdecimal():
        line = source_line(file, int(number), made.code.sources)
        if line:
            error.add_note(excerpt(int(number), line))
