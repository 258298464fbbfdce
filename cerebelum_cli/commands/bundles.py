"""`export` and `import`: an execution as a file, and such a file as a copy to look at in another store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import ReadId, StoreOption
from cerebelum_cli.streams import out

if TYPE_CHECKING:
    from cerebelum.engine.application.exporting import Export
    from cerebelum.engine.application.importing import Imported

AsJson = Annotated[bool, typer.Option("--json", help="Say what was done as one JSON object.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(name="export")(export)
    app.command(name="import")(import_)


def export(
    execution_id: ReadId,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there; -: to stdout.")
    ] = None,
    with_children: Annotated[
        bool, typer.Option("--with-children", help="With the executions that it started, and theirs.")
    ] = False,
    redact: Annotated[
        list[str] | None,
        typer.Option("--redact", metavar="PATH", help="Take out a value: card.number, customer.*; several times."),
    ] = None,
    redact_rule: Annotated[
        list[str] | None,
        typer.Option("--redact-rule", metavar="RULE", help="Take out secrets, emails or logs; several times."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Write an execution to a file: its history, code and logs, to be replayed anywhere without the project.

    Exit codes: 0 written, 2 FILE or a path does not do, 3 no such execution, 5 it has no history yet.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    target = _target(output, execution_id, force=force)
    done, size_bytes = run_async(
        _export(store_url(store), execution_id, target, with_children, redact or [], redact_rule or [])
    )
    _tell_export(done, target, size_bytes, as_json=as_json)


def _target(output: str | None, text: str, *, force: bool) -> Path | None:
    """Return the file to write; None: stdout."""
    import shlex
    import sys

    from cerebelum_cli.errors import UsageProblem

    again = f"cerebelum export {shlex.quote(text)}"
    if output == "-" or (output is None and not sys.stdout.isatty()):
        return None
    if output is None:
        raise UsageProblem("where to write the bundle was not said", help_=f"{again} -o execution.jsonl")
    path = Path(output)
    if path.is_dir():
        raise UsageProblem(f"{output} is a folder", help_=f"{again} -o {path / 'execution.jsonl'}")
    if path.exists() and not force:
        raise UsageProblem(f"{output} is there already, and was left as it is", help_=f"{again} -o {output} --force")
    return path


async def _export(
    url: str, text: str, target: Path | None, with_children: bool, redact: list[str], rules: list[str]
) -> tuple[Export, int]:
    from cerebelum.engine.application import query
    from cerebelum.engine.application.exporting import export as make
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        execution_id = await query.resolve_id(engine, text)
        made = await make(engine, execution_id, with_children=with_children, redact=redact, rules=rules)
        return made, await _write(made, target)


async def _write(made: Export, target: Path | None) -> int:
    """Write the bundle, all or nothing where it goes to a file; return its size."""
    import sys

    from cerebelum_cli.errors import UsageProblem

    if target is None:
        return await _copy(made, sys.stdout.buffer)
    try:
        with _new_file(target) as file:
            return await _copy(made, file)
    except OSError as error:
        raise UsageProblem(
            f"{target} cannot be written: {error.strerror or error}", help_=f"cerebelum export {made.head.root} -o FILE"
        ) from error


async def _copy(made: Export, file: IO[bytes]) -> int:
    size_bytes = 0
    async for line in made.lines():
        file.write(line)
        size_bytes += len(line)
    file.flush()
    return size_bytes


@contextmanager
def _new_file(target: Path) -> Iterator[IO[bytes]]:
    """Give a file that takes the name `target` when all went well. Only its owner may read it: it holds payloads."""
    import os
    import tempfile

    handle, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(target)
    finally:
        Path(part).unlink(missing_ok=True)


def _tell_export(done: Export, target: Path | None, size_bytes: int, *, as_json: bool) -> None:
    from cerebelum_cli.output import print_json, say

    head = done.head
    events = sum(len(taken.stored) for taken in done.members)
    logs = sum(len(taken.logs) for taken in done.members)
    if as_json and target is not None:
        body: dict[str, Any] = {
            "schema": "cerebelum.export/1", "id": head.root, "file": str(target), "bytes": size_bytes, "events": events,
            "executions": [taken.row.id for taken in done.members], "log_lines": logs, "code_versions": len(done.codes),
            "redacted": list(head.redacted), "changed_events": done.changed, "sealed_payloads": head.sealed,
            "replay": head.replay or None, "missing": list(head.missing),
        }  # fmt: skip
        print_json(body)
    elif target is not None:
        out(str(target))
    _say_export(
        done, say, f"{events} events, {logs} log lines, {len(done.codes)} versions of code, {size_bytes:,} bytes"
    )


def _say_export(done: Export, say: Any, amount: str) -> None:
    head = done.head
    others = f" and {len(done.members) - 1} that it started" if len(done.members) > 1 else ""
    say(f"exported {head.root}{others}: {amount}")
    for what in head.missing:
        say(f"  not in it: {what}")
    if head.redacted:
        say(f"  taken out of {done.changed} events: {', '.join(head.redacted)}; the source of the code is as it was")
        say(f"  replay: {head.replay}")
    if head.sealed:
        say(
            f"  {head.sealed} payloads are sealed: nothing was taken out of those, and without the key nobody reads them"
        )
    if not head.redacted:
        say("  it holds all payloads as they are; take values out with --redact PATH, --redact-rule secrets")


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `cerebelum export` wrote; -: stdin.")],
    as_id: Annotated[str | None, typer.Option("--as", metavar="ID", help="Give it this id here.")] = None,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Read an exported execution into a store, as a copy to look at: it never runs here, and replaces nothing.

    Exit codes: 0 imported, 2 FILE is no bundle or damaged, 5 the id is taken.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.settings import store_url

    done = run_async(_import(store_url(store), file, as_id))
    _tell_import(done, as_json=as_json)


async def _import(url: str, file: str, as_id: str | None) -> Imported:
    from cerebelum.engine.application.importing import import_bundle
    from cerebelum_cli.composition import opened

    with _stream(file) as stream:
        async with opened(url, create=True) as engine:
            return await import_bundle(engine, file, stream.readline, as_id=as_id)


@contextmanager
def _stream(file: str) -> Iterator[IO[bytes]]:
    import sys

    from cerebelum_cli.errors import UsageProblem

    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UsageProblem(
            f"{file} cannot be read: {error.strerror or error}", help_="cerebelum import FILE"
        ) from error
    with stream:
        yield stream


def _tell_import(done: Imported, *, as_json: bool) -> None:
    from cerebelum_cli.output import print_json, say

    head = done.head
    if as_json:
        body: dict[str, Any] = {
            "schema": "cerebelum.import/1", "id": done.execution_id, "original": head.root, "status": head.status,
            "others": list(done.others), "events": done.events, "log_lines": done.logs, "new_code_versions": done.codes,
            "redacted": list(head.redacted), "replay": head.replay or None, "missing": list(head.missing),
        }  # fmt: skip
        print_json(body)
    else:
        out(done.execution_id)
    others = f", with {len(done.others)} that it started" if done.others else ""
    say(f"imported a copy of {head.root}{others}: {done.events} events, {done.logs} log lines; it never runs here")
    for what in head.missing:
        say(f"  not in it: {what}")
    if head.redacted:
        say(f"  taken out: {', '.join(head.redacted)}; replay: {head.replay}")
    say(
        f"  see it: cerebelum replay {done.execution_id}    (that runs the code in the bundle: only from people you trust)"
    )
