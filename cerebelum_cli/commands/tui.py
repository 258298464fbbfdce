"""`tui`: the terminal interface. What it shows, other commands print: `list`, `show`, `replay`, `events`, `logs`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.options import StoreOption

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine
    from cerebelum.tui.app import CerebelumApp

_SIZE_MOST = 1_000


class Theme(StrEnum):
    """How it looks."""

    dark = "dark"
    light = "light"


OpenedArgument = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="Open this one's replay: an id, a unique beginning, @last or @last-failed."),
]
ScreenOption = Annotated[
    str | None, typer.Option("--screen", metavar="NAME", help="Open this screen: timeline, graph ….")
]
ReadOnlyOption = Annotated[bool, typer.Option("--read-only", help="Look, and refuse whatever changes something.")]
ServeOption = Annotated[
    bool, typer.Option("--serve", help="Show it in a browser, read-only: prints the address, with its token.")
]
AllowActionsOption = Annotated[
    bool, typer.Option("--allow-actions", help="With --serve: who has the address may pause, cancel, fork …")
]
HostOption = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="With --serve: listen there.  [default: 127.0.0.1]")
]
PortOption = Annotated[
    int | None, typer.Option("--port", min=0, max=65_535, help="With --serve.  [default: 0, a free one]")
]
TokenOption = Annotated[
    str | None, typer.Option("--token", metavar="TEXT", help="With --serve: in place of a random one.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(tui)


def tui(
    execution_id: OpenedArgument = None,
    at: Annotated[int | None, typer.Option("--at", min=0, metavar="N", help="With an ID: begin at event N.")] = None,
    screenshot: Annotated[
        Path | None, typer.Option("--screenshot", metavar="FILE.svg", help="Write a picture of the screen, and end.")
    ] = None,
    size: Annotated[str, typer.Option("--size", metavar="COLSxROWS", help="Of the picture.")] = "120x36",
    theme: Annotated[Theme, typer.Option("--theme", help="How it looks.")] = Theme.dark,
    screen: ScreenOption = None,
    read_only: ReadOnlyOption = False,
    serve: ServeOption = False,
    allow_actions: AllowActionsOption = False,
    host: HostOption = None,
    port: PortOption = None,
    token: TokenOption = None,
    store: StoreOption = None,
) -> None:
    """Open the terminal interface: executions, and the replay of each.

    Exit codes: 0 closed, 2 not a terminal, or it cannot be served, 3 no such execution or event, 6 no store, 130 Ctrl-C ended --serve.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.settings import store_url

    if at is not None and execution_id is None:
        raise UsageProblem("--at belongs to an execution", help_="cerebelum tui ID --at N")
    cells = _cells(size)
    _check_together(serve, screenshot, read_only and allow_actions, allow_actions, host, port, token)
    place = _place(screen, execution_id)
    if screenshot is None and not serve:
        _check_terminal()
    url = store_url(store)
    found = run_async(_resolved(url, execution_id, at))
    if serve:
        from cerebelum_cli import serving

        words = _words_of_a_tab(found, at, theme, place, allow_actions)
        raise typer.Exit(serving.serve(url, words, host=host, port=port or 0, token=token, may_act=allow_actions))
    app = _app(url, found, at, theme, place, read_only=read_only)
    if screenshot is None:
        run_async(app.show())
    else:
        from cerebelum.tui.screenshot import take

        _write(run_async(take(app, size=cells)), screenshot)


def _check_together(
    serve: bool, screenshot: Path | None, is_both: bool, allow_actions: bool, host: str | None, port: int | None,
    token: str | None,
) -> None:  # fmt: skip
    """Check that what was typed makes sense together."""
    from cerebelum_cli.errors import UsageProblem

    if serve and (screenshot is not None or is_both):
        other = "--screenshot" if screenshot is not None else "--read-only with --allow-actions"
        raise UsageProblem(f"--serve cannot be had with {other}", help_="cerebelum tui --serve")
    given = {"--allow-actions": allow_actions or None, "--host": host, "--port": port, "--token": token}
    names = [name for name, value in given.items() if value is not None]
    if names and not serve:
        shown = {"--allow-actions": "", "--host": f" {host}", "--port": f" {port}", "--token": " TEXT"}
        typed = " ".join(f"{name}{shown[name]}" for name in names)
        raise UsageProblem(f"{', '.join(names)} belongs to --serve", help_=f"cerebelum tui --serve {typed}")


def _words_of_a_tab(
    execution_id: str | None, at: int | None, theme: Theme, place: str, allow_actions: bool
) -> list[str]:
    """Return what `cerebelum tui` is called with for each tab."""
    words = ["--theme", theme.value, *([] if allow_actions else ["--read-only"])]
    words += [] if at is None else ["--at", str(at)]
    words += ["--screen", place] if place else []
    return words if execution_id is None else [*words, "--", execution_id]


def _check_terminal() -> None:
    import os
    import sys

    from cerebelum_cli.errors import UsageProblem

    if os.environ.get("TEXTUAL_DRIVER") == "cerebelum.tui.browser.tab_driver:TabDriver":  # a tab of --serve
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageProblem(
            "the terminal interface needs a terminal, and this is none",
            help_="lines instead: cerebelum list, cerebelum replay ID; a picture: cerebelum tui --screenshot tui.svg",
        )


def _cells(size: str) -> tuple[int, int]:
    from cerebelum_cli.errors import UsageProblem

    columns, _, rows = size.lower().partition("x")
    if not all(text.isascii() and text.isdigit() and 0 < int(text) <= _SIZE_MOST for text in (columns, rows)):
        raise UsageProblem(f"--size {size!r} is not COLUMNSxROWS, each 1 to {_SIZE_MOST:,}", help_="--size 120x36")
    return int(columns), int(rows)


async def _resolved(url: str, text: str | None, at: int | None) -> str | None:
    """Return the whole id, so that what is wrong is said before a screen opens."""
    from cerebelum.engine.application import query
    from cerebelum_cli.composition import reading
    from cerebelum_cli.errors import EventNotFound

    async with reading(url) as engine:
        if text is None:
            return None
        execution_id = await query.resolve_id(engine, text)
        last = (await query.get_execution(engine, execution_id)).row.last_version if at is not None else 0
        if at is not None and at > last:
            raise EventNotFound(execution_id, at, last)
        return execution_id


def _place(screen: str | None, execution_id: str | None) -> str:
    """Return the name of the screen to open; "" where none was asked for."""
    if screen is None:
        return ""
    from cerebelum.tui.places import PLACES, place_named
    from cerebelum_cli.errors import UsageProblem

    try:
        place = place_named(screen)
    except KeyError:
        names = ", ".join(each.name for each in PLACES)
        raise UsageProblem(f"there is no screen {screen!r}", help_=f"one of {names}") from None
    if place.of_one and execution_id is None:
        raise UsageProblem(
            f"the {screen} is of one execution, and none was named", help_=f"cerebelum tui @last --screen {screen}"
        )
    return place.name


def _app(
    url: str, execution_id: str | None, at: int | None, theme: Theme, place: str, *, read_only: bool
) -> CerebelumApp:
    import sys

    from cerebelum.engine.application.disk_code import DiskCode
    from cerebelum.tui.app import CerebelumApp
    from cerebelum_cli.composition import opened, project_of, reading
    from cerebelum_cli.settings import shown_store

    def act() -> AbstractAsyncContextManager[Engine]:
        return opened(url)

    return CerebelumApp(
        lambda: reading(url), act, store_name=shown_store(url), execution_id=execution_id, at=at, theme=theme.value,
        project=project_of(url), place=place, read_only=read_only,
        disk=None if read_only else DiskCode((sys.executable, "-m", "cerebelum_cli.disk_code_process"), url),
    )  # fmt: skip


def _write(svg: str, file: Path) -> None:
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.output import say

    try:
        file.write_text(svg, encoding="utf-8")
    except OSError as error:
        problem = f"{file} cannot be written: {error.strerror or error}"
        raise UsageProblem(problem, help_="cerebelum tui --screenshot FILE.svg") from error
    say(f"wrote {file}")
