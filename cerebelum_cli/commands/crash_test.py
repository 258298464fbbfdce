"""`test`: run a flow in memory, over and over, with a crash at every place where one can happen."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, chosen

if TYPE_CHECKING:
    from cerebelum.testing.crashing import CrashReport
    from cerebelum_cli.flows import ChosenFlow
    from cerebelum_cli.inputs import Arguments


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(name="test")(crash_test)


def crash_test(
    target: Annotated[
        str, typer.Argument(metavar="FLOW.py[:name]", help="The file, and the workflow if it has several.")
    ],
    crash: Annotated[
        bool,
        typer.Option(
            "--crash-everywhere", help="Crash after each event and before each commit; compare what comes of it."
        ),
    ] = False,
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            "-i", metavar="NAME=VALUE", help="An argument: JSON if it is JSON and fits the annotation, else text."
        ),
    ] = None,
    whole: Annotated[
        str | None, typer.Option("--input", metavar="JSON|@FILE|-", help="All arguments, as one JSON object.")
    ] = None,
    signals: Annotated[
        list[str] | None,
        typer.Option("--signal", metavar="NAME=JSON", help="A signal that is sent after the start; may be repeated."),
    ] = None,
    output: OutputOption = Format.text,
    as_json: JsonOption = False,
) -> None:
    """Test that a crash changes nothing: run a workflow in memory, then again with a crash at every place.

    Its steps really run, many times. Virtual time passes at once, so a flow may wait for weeks.
    Exit codes: 0 no crash changes anything, 1 one does (it is named, with both values), 9 the flow does not load.
    """
    from cerebelum_cli.composition import codec, run_async
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.flows import load_target
    from cerebelum_cli.inputs import read_json, typed_arguments
    from cerebelum_cli.own_log import configure

    if not crash:
        raise UsageProblem("test what?", help_=f"cerebelum test --crash-everywhere {target}")
    configure()
    flow = load_target(target)
    arguments = typed_arguments(flow.definition, pairs or [], whole, codec())
    messages: list[tuple[str, Any]] = []
    for pair in signals or []:
        name, separator, text = pair.partition("=")
        if not name:
            raise UsageProblem(f"--signal {pair!r} is not NAME=JSON", help_="--signal approved=true")
        messages.append((name, read_json(text, what=f"--signal {name}") if separator else None))
    raise typer.Exit(run_async(_test(flow, arguments, messages, chosen(output, as_json)), is_node=True))


async def _test(flow: ChosenFlow, arguments: Arguments, signals: list[tuple[str, Any]], format_: Format) -> int:
    from cerebelum.testing.crashing import CrashDiffers, crash_everywhere
    from cerebelum.testing.engine import FlowHandle, InMemoryEngine
    from cerebelum_cli.settings import node_settings, settled

    async def drive(_: InMemoryEngine, handle: FlowHandle[Any]) -> None:
        for name, payload in signals:
            await handle.signal(name, payload)

    args, kwargs = arguments
    settings = node_settings(settled().settings, "park")
    progress = _Progress()
    try:
        # What steps print, they print dozens of times; stdout is for the report.
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):  # noqa: ASYNC230, PTH123 - no disk
            report = await crash_everywhere(
                flow.definition, *args, drive=drive, on_progress=progress, node_settings=settings, **kwargs
            )
    except CrashDiffers as differs:
        report = differs.report
    except AssertionError as problem:
        progress.end()
        _print_problem(str(problem), format_)
        return 1
    progress.end()
    _print(report, format_)
    return 0 if report.difference is None else 1


class _Progress:
    """A counter on a terminal, drawn anew; nothing elsewhere."""

    def __init__(self) -> None:
        import sys

        from cerebelum_cli.output import animates

        self._stream = sys.stderr
        self._shown, self._draws = False, animates(sys.stderr)

    def __call__(self, done: int, of: int) -> None:
        if self._draws:
            self._stream.write(f"\r  crash {done} of {of}\x1b[K")
            self._stream.flush()
            self._shown = True

    def end(self) -> None:
        """Take it away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _print(report: CrashReport, format_: Format) -> None:
    from cerebelum.engine.domain.terminal_text import visible
    from cerebelum.engine.runtime.masking import mask_text
    from cerebelum_cli.output import print_json
    from cerebelum_cli.streams import out

    if format_ is Format.text:
        out(visible(mask_text(str(report))))
        return
    difference = report.difference
    print_json(
        {
            "schema": "cerebelum.crash_test/1", "workflow": report.workflow, "ok": difference is None,
            "events": report.events, "commits": report.commits, "crash": report.crash or None,
            "difference": None if difference is None else {
                "what": difference.what, "without": mask_text(difference.whole), "with": mask_text(difference.again),
            },
            "notes": list(report.notes),
        }
    )  # fmt: skip


def _print_problem(problem: str, format_: Format) -> None:
    from cerebelum.engine.domain.terminal_text import visible
    from cerebelum.engine.runtime.masking import mask_text
    from cerebelum_cli.output import print_json
    from cerebelum_cli.streams import out

    if format_ is Format.text:
        out(visible(mask_text(problem)))
    else:
        print_json({"schema": "cerebelum.crash_test/1", "ok": False, "problem": mask_text(problem)})
