"""`graph`: a workflow as a picture, from its code or from an execution. No workflow code runs, and nothing is written."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cerebelum_cli.options import StoreOption

if TYPE_CHECKING:
    from cerebelum.engine.domain.drawing import Drawing

_FLOW_SUFFIXES = (".py", ".json", ".yaml", ".yml")


class Picture(StrEnum):
    """What is printed."""

    mermaid = "mermaid"
    dot = "dot"
    cytoscape = "cytoscape"
    json = "json"
    ascii = "ascii"
    svg = "svg"
    png = "png"


_SUFFIXES = {
    ".mmd": Picture.mermaid,
    ".mermaid": Picture.mermaid,
    ".md": Picture.mermaid,
    ".dot": Picture.dot,
    ".gv": Picture.dot,
    ".json": Picture.json,
    ".svg": Picture.svg,
    ".png": Picture.png,
    ".txt": Picture.ascii,
}


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(graph)


def graph(
    target: Annotated[
        str, typer.Argument(metavar="FLOW.py[:name] | ID", help="A file, or an execution: it is laid over the graph.")
    ],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Mermaid text; the default off a terminal.")] = False,
    dot: Annotated[bool, typer.Option("--dot", help="Graphviz DOT text.")] = False,
    cytoscape: Annotated[bool, typer.Option("--cytoscape", help="Elements for Cytoscape.js.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Nodes with their places, and edges.")] = False,
    ascii_: Annotated[bool, typer.Option("--ascii", help="Boxes and lines; the default on a terminal.")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="SVG; needs no program.")] = False,
    png: Annotated[bool, typer.Option("--png", help="PNG, drawn by Graphviz' `dot`.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there.")] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="With p50, p95 and failure rate over the newest 200 executions.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Draw a workflow, or an execution: what ran, how long, how often, and which ways it took.

    Exit codes: 0 drawn, 2 no `dot` for a PNG, 3 no such execution, 9 the flow cannot be loaded.
    """
    wanted = [
        picture
        for picture, is_wanted in zip(Picture, (mermaid, dot, cytoscape, as_json, ascii_, svg, png), strict=True)
        if is_wanted
    ]
    picture = _chosen(wanted, output)
    if picture is Picture.png:
        _find_dot(target)
    _write(_rendered(_draw(target, store, stats=stats), picture, target), output)


def _chosen(wanted: list[Picture], output: Path | None) -> Picture:
    import sys

    from cerebelum_cli.errors import UsageProblem

    if len(wanted) > 1:
        named = " and ".join(f"--{picture}" for picture in wanted)
        raise UsageProblem(f"{named} were given: one picture at a time", help_="cerebelum graph --help")
    if wanted:
        picture = wanted[0]
    elif output is not None:
        picture = _by_suffix(output)
    else:
        picture = Picture.ascii if sys.stdout.isatty() else Picture.mermaid
    if picture is Picture.png and output is None and sys.stdout.isatty():
        raise UsageProblem("a PNG is no text for a terminal", help_="cerebelum graph FLOW.py --png -o graph.png")
    return picture


def _by_suffix(output: Path) -> Picture:
    from cerebelum_cli.errors import UsageProblem

    picture = _SUFFIXES.get(output.suffix.lower())
    if picture is None:  # elsewhere --output json is a format: no file of that name should come of it
        raise UsageProblem(
            f"-o {str(output)!r} does not tell which picture is meant: its end is none of {', '.join(_SUFFIXES)}",
            help_=f"name it too: --mermaid -o {output}; as text on this terminal: --json without -o",
        )
    return picture


def _draw(target: str, store: str | None, *, stats: bool) -> Drawing:
    from cerebelum.engine.runtime.code.drawn import draw
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    if not _is_flow(target):
        return run_async(_of_execution(store_url(store), target, stats=stats))
    from cerebelum_cli.flows import load_target

    definition = load_target(target).definition
    return run_async(_of_many(store_url(store), definition)) if stats else draw(definition)


def _is_flow(target: str) -> bool:
    """Whether a file is meant: ids hold neither a suffix of a flow's nor a slash, unless a file of that name is there."""
    path, separator, name = target.rpartition(":")
    file = path if separator and "/" not in name and "\\" not in name else target
    return "/" in target or file.lower().endswith(_FLOW_SUFFIXES) or Path(file).is_file()


async def _of_execution(url: str, text: str, *, stats: bool) -> Drawing:
    from cerebelum.engine.application import query
    from cerebelum.engine.application.graphs import draw_execution, draw_statistics
    from cerebelum_cli.composition import reading
    from cerebelum_cli.flows import register_stored

    async with reading(url) as engine:
        execution_id = await query.resolve_id(engine, text)
        if not stats:
            return await draw_execution(engine, execution_id)
        row = (await query.get_execution(engine, execution_id)).row
        await register_stored(engine, row)
        definition = engine.registry.find(row.workflow, row.code) or engine.registry.get(row.workflow)
        return await draw_statistics(engine, definition)


async def _of_many(url: str, definition: object) -> Drawing:
    from cerebelum.engine.application.graphs import draw_statistics
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        return await draw_statistics(engine, definition)


def _rendered(drawing: Drawing, picture: Picture, target: str) -> bytes:
    match picture:
        case Picture.mermaid:
            from cerebelum.engine.domain.renderers.mermaid import to_mermaid

            return to_mermaid(drawing).encode()
        case Picture.dot | Picture.png:
            from cerebelum.engine.domain.renderers.dot import to_dot

            text = to_dot(drawing)
            return text.encode() if picture is Picture.dot else _png(text, target)
        case Picture.cytoscape:
            from cerebelum.engine.domain.renderers.cytoscape import cytoscape_text

            return cytoscape_text(drawing).encode()
        case Picture.json:
            from cerebelum.engine.domain.renderers.json_text import json_text

            return json_text(drawing).encode()
        case Picture.svg:
            from cerebelum.engine.domain.renderers.svg import to_svg

            return to_svg(drawing).encode()
        case Picture.ascii:
            import shutil

            from cerebelum.engine.domain.renderers.ascii_art import to_ascii

            return to_ascii(drawing, width=shutil.get_terminal_size((100, 24)).columns).encode()


def _find_dot(target: str) -> str:
    import shutil

    from cerebelum_cli.errors import GraphProgramMissing

    program = shutil.which("dot")
    if program is None:
        raise GraphProgramMissing(target)
    return program


def _png(text: str, target: str) -> bytes:
    import subprocess

    from cerebelum_cli.errors import GraphProgramFailed

    program = _find_dot(target)
    try:
        done = subprocess.run(  # noqa: S603 - found on the PATH; the text goes to its stdin
            [program, "-Tpng"], input=text.encode(), capture_output=True, check=False, timeout=120
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GraphProgramFailed(target, str(error)) from error
    if done.returncode or not done.stdout:
        raise GraphProgramFailed(target, done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}")
    return done.stdout


def _write(data: bytes, output: Path | None) -> None:
    import sys

    from cerebelum_cli.errors import UsageProblem

    if output is None:
        sys.stdout.flush()
        stream = getattr(sys.stdout, "buffer", None)
        if stream is None:
            sys.stdout.write(data.decode())
        else:
            stream.write(data)
        sys.stdout.flush()
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        problem = f"{output} cannot be written: {error.strerror or error}"
        raise UsageProblem(problem, help_="cerebelum graph FLOW.py -o FILE") from error
