"""`dev`: the whole engine here, and code that is taken up as it is saved."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cerebelum_cli.options import StoreOption


class DevFormat(StrEnum):
    """How it tells what happens."""

    text = "text"
    jsonl = "jsonl"


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(dev)


def dev(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]…", help="Flow files, or folders of them; default: this folder, and flows/."),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Begin with an empty store; the old one is put aside as .cerebelum/dev.old.db."),
    ] = False,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Keep everything in memory, and nothing at the end.")
    ] = False,
    speed: Annotated[
        float, typer.Option("--speed", min=1, max=1_000_000, metavar="N", help="Timers run N times as fast.")
    ] = 1.0,
    store: StoreOption = None,
    output: Annotated[
        DevFormat, typer.Option("--output", "-o", help="Lines for people, or an object a line.")
    ] = DevFormat.text,
) -> None:
    """Run the whole engine here, and take up code as it is saved: new starts use it, open executions are checked.

    Ctrl-C, SIGTERM or q end it within two seconds; everything is kept, and goes on next time.
    Exit codes: 0 ended by q, 130 (Ctrl-C), 143 (SIGTERM), 6 the store cannot be used, 9 there is no such file.
    """
    from cerebelum_cli.dev.start_up import Stopwatch

    stopwatch = Stopwatch()
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.dev.last_resort import end_at_once_if_held_up
    from cerebelum_cli.dev.libraries import begin_anew, has_begun_anew
    from cerebelum_cli.dev.session import Plan, serve
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.settings import settled, store_url

    if ephemeral and (store is not None or fresh):
        raise UsageProblem(
            "--ephemeral has a store in memory, always empty: --store and --fresh have no place beside it"
        )
    plan = Plan(
        paths=_there([Path(path) for path in paths or _usual()]), url="memory://" if ephemeral else store_url(store),
        settings=settled().settings, speed=speed, fresh=fresh, as_json=output is DevFormat.jsonl,
        restarted=has_begun_anew(), stopwatch=stopwatch,
    )  # fmt: skip
    ended = run_async(serve(plan), is_node=True)
    if ended.anew:
        begin_anew()
    end_at_once_if_held_up(ended.exit_code)
    raise typer.Exit(ended.exit_code)


def _usual() -> list[str]:
    return [".", "flows"] if Path("flows").is_dir() else ["."]


def _there(paths: list[Path]) -> list[Path]:
    """Return the paths; one that is mistyped would be waited for in vain.

    Raises:
        FlowNotFound: there is no such file or folder.
    """
    from cerebelum.engine.runtime.code.selection import missing_flow

    for path in paths:
        if not path.exists():
            raise missing_flow(path)
    return paths
