from __future__ import annotations

import json
import sys
from types import FrameType

import pytest

from cerebelum.engine.runtime import source_line
from cerebelum.engine.runtime.source_line import SourceLine, user_line


def here() -> FrameType:
    return sys._getframe(1)


def test_the_user_s_own_line_is_found_below_libraries() -> None:
    """E9: frames of the standard library above the user's code are passed over."""
    frames: list[FrameType] = []

    def keep(_: object) -> None:
        frames.append(sys._getframe(1))  # inside json

    json.dumps(object, default=keep)
    line = user_line(frames[0])
    assert frames[0].f_code.co_filename != __file__
    assert line.file == __file__
    assert line.function.startswith("test_the_user_s_own_line")


def test_an_installed_package_is_named_only_if_nothing_else_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """E9: the user's file goes before the library that it calls; a deployed workflow is named all the same."""
    library = compile("def call(function): return function()", "/x/lib/site-packages/lib.py", "exec")
    names: dict[str, object] = {"here": here}
    exec(library, names)
    call = names["call"]
    assert callable(call)
    frame = call(here)
    assert user_line(frame).file == __file__
    monkeypatch.setattr(source_line, "_owner", lambda file: 1 if "site-packages/lib.py" in file else 2)
    assert str(user_line(frame)) == "/x/lib/site-packages/lib.py:1 in call"


def test_without_user_code_the_innermost_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """E9: there is always some line, unless there is no frame at all."""
    monkeypatch.setattr(source_line, "_owner", lambda _: 2)
    assert user_line(here()).file == __file__
    assert user_line(None) == SourceLine("<unknown>", 0, "<unknown>")
