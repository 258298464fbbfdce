"""`input` and `inputs`: answering people's forms from the command line, in this process, in another, and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable

from tests.cli.cli_project import Project, command, environ, wait_for_line

FLOW = """
from cerebelum import wait_for_input, workflow

EQUIPMENT = [
    {"name": "equipment", "type": "select", "options": ["laptop", {"value": "tv", "label": "a \\x1b[31mscreen"}], "required": True},
    {"name": "why", "label": "Why do you need it?", "type": "text", "required": True, "max_length": 10},
    {"name": "count", "type": "number", "min": 1, "max": 3, "integer": True},
    {"name": "urgent", "type": "boolean"},
    {"name": "by", "type": "date"},
]


@workflow
async def asks():
    return await wait_for_input("order", form=EQUIPMENT, prompt="What do you \\x1b[2Jneed?")


@workflow
async def rates():
    return await wait_for_input("rating", type="single_choice", choices=[{"value": 5, "label": "good"}, {"value": 1, "label": "bad"}])


@workflow
async def rates_twice():
    kind = {"type": "single_choice", "choices": [{"value": 5, "label": "good"}, {"value": 1, "label": "bad"}]}
    return [await wait_for_input("rating", **kind), await wait_for_input("rating", **kind)]


@workflow
async def hostile():
    return await wait_for_input("-x\\x1b]0;owned\\x07\\u202e'; rm -rf", prompt="a\\n  fake: line\\u2066")
"""
Meanwhile = Callable[[], None] | None
GOOD = '{"equipment": "laptop", "why": "broken"}'


def _asking(project: Project, workflow: str, execution_id: str) -> None:
    """Leave an execution that waits for a person, and no process that runs it."""
    project.write("people.py", FLOW)
    with project.start("run", f"people.py:{workflow}", "--id", execution_id) as run:
        wait_for_line(run.stderr, "waiting for input")
        run.terminate()
        run.communicate(timeout=20)


def _finished(project: Project, execution_id: str) -> object:
    result = project("run", "--resume", execution_id)
    assert result.exit_code == 0, result.stderr
    return project.json("result", execution_id)["result"]


def test_an_answer_as_json_from_another_process(project: Project) -> None:
    """C16: stored while nothing runs, and the execution goes on with it."""
    _asking(project, "asks", "e-1")
    result = project("input", "e-1", "order", "--json", GOOD)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "answer stored for input order: e-1\n"
    assert "cerebelum run --resume e-1" in result.stderr
    assert _finished(project, "e-1") == {
        "equipment": "laptop",
        "why": "broken",
        "count": None,
        "urgent": None,
        "by": None,
    }


def test_an_answer_that_breaks_the_form_exits_2_and_names_the_fields(project: Project) -> None:
    """C13: stdout stays empty; each field has its line."""
    _asking(project, "asks", "e-1")
    result = project("input", "e-1", "order", "--json", '{"equipment": "yacht", "why": "a reason too long"}')
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error[CB313]" in result.stderr
    assert (
        "  equipment: 'yacht' is none of 'laptop', 'tv'\n  why: it has 17 characters; 10 are allowed" in result.stderr
    )
    assert project("input", "e-1", "order", "--json", GOOD).exit_code == 0


def test_refusals_have_their_exit_codes(project: Project) -> None:
    """C17: a second answer 5, an unknown input or execution 3, no or two answers 2, bad JSON 2."""
    _asking(project, "rates", "e-1")
    assert project("input", "e-1", "rating").exit_code == 2
    assert project("input", "e-1", "rating", "--json", "5", "--form").exit_code == 2
    assert project("input", "e-1", "rating", "--json", "{").exit_code == 2
    assert project("input", "e-1", "nothing", "--json", "5").exit_code == 3
    assert project("input", "e-none", "rating", "--json", "5").exit_code == 3
    assert project("input", "e-1", "rating", "--json", "5").exit_code == 0
    second = project("input", "e-1", "rating", "--json", "1")
    assert (second.exit_code, second.stdout) == (5, "")


def test_a_form_off_a_terminal_is_refused(project: Project) -> None:
    """C16: a script is told to use --json; it does not hang."""
    _asking(project, "asks", "e-1")
    result = project("input", "e-1", "order", "--form", stdin="laptop\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--form asks on a terminal" in result.stderr
    assert "--json" in result.stderr


def test_inputs_lists_what_waits_everywhere(project: Project) -> None:
    """C18: id, name, type and prompt, as a table and as JSON; an answered one is not listed once it is taken."""
    _asking(project, "asks", "e-1")
    _asking(project, "rates", "e-2")
    lines = project("inputs").stdout.splitlines()
    assert [line.split("\t")[:3] for line in lines] == [["e-1", "order", "form"], ["e-2", "rating", "single_choice"]]
    first, second = project.json("inputs")
    assert (first["name"], first["prompt"], len(first["form"]["fields"])) == ("order", "What do you \x1b[2Jneed?", 5)
    assert second["form"]["choices"][0] == {"value": 5, "label": "good"}
    project("input", "e-2", "rating", "--json", "5")
    assert _finished(project, "e-2") == 5
    assert project("inputs", "-o", "ids").stdout == "e-1\n"


def test_show_names_the_command_to_type(project: Project) -> None:
    """C18, C20: what is waited for, the prompt, and the command."""
    _asking(project, "rates", "e-1")
    shown = project("show", "e-1").stdout
    assert "input rating" in shown
    assert "cerebelum input e-1 rating --form" in shown
    (asked,) = project.json("show", "e-1")["inputs"]
    assert (asked["name"], asked["status"]) == ("rating", "pending")


def test_hostile_texts_stay_text(project: Project) -> None:
    """Names and prompts cannot drive the terminal, forge a line, or break out of the command that is shown."""
    _asking(project, "hostile", "e-1")
    (one,) = project.json("inputs")
    for words in (("inputs",), ("show", "e-1"), ("events", "e-1"), ("input", "e-1", "--json", "1", "--", one["name"])):
        result = project(*words)
        printed = result.stdout + result.stderr
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", printed), words
    assert "\n  fake: line" not in project("inputs").stdout


def _on_a_terminal(project: Project, *words: str, typed: list[str], meanwhile: Meanwhile = None) -> tuple[int, str]:
    """Run the command on a pseudo-terminal; each line is typed once the question before it is there, and `meanwhile` is done."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(*words),
        cwd=project.folder,
        env=environ(TERM="dumb", COLUMNS="200"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    seen, place = "", 0
    left = list(typed)
    while True:
        try:
            part = os.read(master, 4096).decode()
        except OSError:  # the last one closed the other end
            break
        if not part:
            break
        seen += part
        if left and seen[place:].endswith(": "):
            if meanwhile is not None:
                meanwhile()
            os.write(master, left.pop(0).encode())
            place = len(seen)
    os.close(master)
    return process.wait(timeout=30), seen.replace("\r\n", "\n")


def test_a_form_is_asked_field_by_field(project: Project) -> None:
    """C12, C13, C16: choices numbered, each answer checked before the next question, optional ones left out."""
    _asking(project, "asks", "e-1")
    typed = ["9\n", "2\n", "\n", "much too long for it\n", "work\n", "7\n", "2\n", "maybe\n", "y\n", "soon\n", "\n"]
    code, seen = _on_a_terminal(project, "input", "e-1", "order", "--form", typed=typed)
    assert code == 0, seen
    assert "  1  laptop" in seen
    assert "\x1b" not in seen
    for told in (
        "it must be a number from 1 to 2", "why: it is required", "why: it has 20 characters; 10 are allowed",
        "count: it is 7; the most is 3", "it must be y or n", "by: it must be a date such as 2026-01-31",
    ):  # fmt: skip
        assert told in seen
    assert _finished(project, "e-1") == {"equipment": "tv", "why": "work", "count": 2, "urgent": True, "by": None}


def test_a_choice_is_asked_by_its_labels(project: Project) -> None:
    """C14: the number or the label chooses; the workflow gets the value."""
    _asking(project, "rates", "e-1")
    code, seen = _on_a_terminal(project, "input", "e-1", "rating", "--form", typed=["awful\n", "bad\n"])
    assert code == 0, seen
    assert "  1  good\n  2  bad\n" in seen
    assert _finished(project, "e-1") == 1


def test_a_form_never_answers_the_next_question_of_its_name(project: Project) -> None:
    """C17: somebody was faster, and the workflow asks the same again: what was typed for the first is refused, not taken."""
    _asking(project, "rates_twice", "e-1")

    def is_faster() -> None:
        assert project("input", "e-1", "rating", "--json", "5").exit_code == 0
        with project.start("run", "--resume", "e-1") as run:
            wait_for_line(run.stderr, "waiting for input")
            run.terminate()
            run.communicate(timeout=20)

    code, seen = _on_a_terminal(project, "input", "e-1", "rating", "--form", typed=["bad\n"], meanwhile=is_faster)
    assert code == 5, seen
    assert "answer" in seen
    (one,) = project.json("inputs")
    assert one["name"] == "rating"


def test_a_form_that_is_left_sends_nothing(project: Project) -> None:
    """C16: the end of the input ends the form; the execution waits on."""
    _asking(project, "rates", "e-1")
    code, seen = _on_a_terminal(project, "input", "e-1", "rating", "--form", typed=["\x04"])
    assert code == 2
    assert "nothing was sent" in seen
    assert [one["name"] for one in project.json("inputs")] == ["rating"]


def test_the_answer_as_json(project: Project) -> None:
    """C16: `-o json` says what was done with the answer."""
    _asking(project, "rates", "e-1")
    result = project("input", "e-1", "rating", "--json", "5", "-o", "json")
    assert json.loads(result.stdout) == {
        "schema": "cerebelum.request/1", "request": "input", "execution_id": "e-1", "input": "rating", "done": "stored",
    }  # fmt: skip
