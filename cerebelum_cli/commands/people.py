"""`input` and `inputs`: answer what an execution asks of a person, and see what waits for people everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cerebelum_cli.options import Format, JsonOption, OutputOption, StoreOption, WholeId, chosen
from cerebelum_cli.streams import err, out

if TYPE_CHECKING:
    from cerebelum.engine.domain.projection_inputs import InputState, OpenInput

_COLUMNS = ("ID", "INPUT", "TYPE", "PROMPT", "ASKED", "UNTIL", "WORKFLOW")
_LEAST = ("WORKFLOW", "TYPE", "ASKED", "UNTIL")
_PROMPT_CHARS = 60


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(name="input")(input_)
    app.command()(inputs)


def input_(
    execution_id: WholeId,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The input it waits for, as `cerebelum inputs` lists it.")
    ],
    answer: Annotated[
        str | None, typer.Option("--json", metavar="JSON|@FILE|-", help="The answer: JSON, @file or - for stdin.")
    ] = None,
    form: Annotated[bool, typer.Option("--form", help="Ask for it here, field by field.")] = False,
    store: StoreOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Answer what an execution asks of a person.

    Exit codes: 0 taken or stored, 2 the answer breaks the form, 3 no such execution or input, 5 answered or timed out.
    """
    from cerebelum_cli.composition import run_async
    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.inputs import read_json
    from cerebelum_cli.output import print_json, say
    from cerebelum_cli.settings import store_url

    if form == (answer is not None):
        both = "the answer was asked for twice" if form else "there is no answer"
        raise UsageProblem(both, help_=f"cerebelum input {execution_id} NAME --json '{{\"ok\": true}}', or --form")
    url = store_url(store)
    number = None
    if answer is not None:
        value = read_json(answer, what=f"answer to input {name!r}")
    else:
        asked = run_async(_wanted(url, execution_id, name))
        number, value = asked.number, _asked_here(asked)
    row, told, problem = run_async(_answered(url, execution_id, name, value, number))
    if output is Format.ids:
        out(row.id)
    elif output is Format.text:
        what = "answered" if told == "accepted" else "answer stored for"
        out(f"{what} input {_safe(name)}: {row.id}")
    else:
        print_json(
            {"schema": "cerebelum.request/1", "request": "input", "execution_id": row.id, "input": name, "done": told}
        )
    if problem is not None:
        say(f"queued; {problem}\n  help: cerebelum run --resume {row.id}")


async def _answered(url: str, execution_id: str, name: str, value: Any, number: int | None) -> Any:
    """Answer it; `number`: only the one that the form was of, which may have been answered while it was filled in."""
    from cerebelum.engine.application.cluster import who_runs
    from cerebelum.engine.application.inputs import provide_input
    from cerebelum_cli.commands.control import _me, exact
    from cerebelum_cli.composition import opened

    async with opened(url) as engine:
        row = await exact(engine, "input", execution_id)
        told = await provide_input(engine, row.id, name, value, by=_me(), number=number)
        return row, told, await who_runs(engine, row.workflow) if told == "stored" else None


async def _wanted(url: str, execution_id: str, name: str) -> InputState:
    from cerebelum.engine.application.inputs import find_input
    from cerebelum.engine.application.query import get_execution
    from cerebelum_cli.commands.control import exact
    from cerebelum_cli.composition import reading

    async with reading(url) as engine:
        row = await exact(engine, "input", execution_id)
        return find_input((await get_execution(engine, row.id)).state, name)


def _asked_here(asked: InputState) -> Any:
    """Have the person at the terminal fill in the form; what is asked goes to stderr, as all talk."""
    import sys

    from cerebelum_cli.errors import UsageProblem
    from cerebelum_cli.form_filling import FormFilling, FormLeft
    from cerebelum_cli.output import is_terminal

    if not is_terminal(sys.stdin):
        raise UsageProblem(
            "--form asks on a terminal, and this is none", help_="give the answer with --json JSON, @FILE or -"
        )

    def read(question: str) -> str:
        sys.stderr.write(question)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line

    try:
        return FormFilling(say=err, read=read).fill_in(asked.form, prompt=asked.prompt)
    except FormLeft:
        err("")
        raise UsageProblem("the form was left; nothing was sent", help_="fill it in, or use --json") from None


def inputs(store: StoreOption = None, output: OutputOption = Format.text, as_json: JsonOption = False) -> None:
    """List what waits for people in all open executions, the longest wait first."""
    import sys

    from cerebelum_cli.composition import run_async
    from cerebelum_cli.output import is_terminal, print_rows, say
    from cerebelum_cli.settings import shown_store, store_url
    from cerebelum_cli.story import input_command

    url, format_ = store_url(store), chosen(output, as_json)
    found = run_async(_found(url))
    print_rows(format_, ((_shape(one), _cells(one)) for one in found), _COLUMNS, id_key="execution_id", least=_LEAST)
    if format_ is Format.text and is_terminal(sys.stdout):
        if found:
            say(f"answer one: {_safe(input_command(found[0].execution_id, found[0].name))}")
        else:
            say(f"nothing waits for people in {shown_store(url)}")


async def _found(url: str) -> list[OpenInput]:
    from cerebelum_cli.composition import reading_store

    async with reading_store(url) as store:
        return await store.pending_inputs()


def _cells(one: OpenInput) -> list[str]:
    from cerebelum_cli.words import clock

    line = " ".join(one.prompt.split())
    prompt = line if len(line) <= _PROMPT_CHARS else f"{line[: _PROMPT_CHARS - 1]}…"
    return [
        one.execution_id, one.name, one.form.type, prompt, clock(one.since_us), clock(one.due_us), one.workflow,
    ]  # fmt: skip


def _shape(one: OpenInput) -> dict[str, Any]:
    import msgspec

    from cerebelum_cli.words import rfc3339

    return {
        "schema": "cerebelum.input/1",
        "execution_id": one.execution_id,
        "workflow": one.workflow,
        "name": one.name,
        "number": one.number,
        "step": one.step or None,
        "type": one.form.type,
        "prompt": one.prompt,
        "form": msgspec.to_builtins(one.form),
        "asked_at": rfc3339(one.since_us),
        "timeout_at": rfc3339(one.due_us),
    }


def _safe(text: str) -> str:
    from cerebelum.engine.domain.terminal_text import visible

    return visible(text, keep_newlines=False)
