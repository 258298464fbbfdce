from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from cerebelum.engine.authoring.activation import slot
from cerebelum.engine.domain.errors_determinism import InterceptionUnavailable
from cerebelum.engine.runtime.interception import install, self_check

install()

ROOT = Path(__file__).parents[3]


def test_installing_again_wraps_nothing_twice() -> None:
    """E9: any component may call `install`."""
    before = (time.time, datetime.__dict__["now"], random.random, os.urandom, random.Random.seed)
    install()
    after = (time.time, datetime.__dict__["now"], random.random, os.urandom, random.Random.seed)
    assert after == before
    self_check()


def test_the_self_check_names_what_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """E9: an interception that was undone is found, and every function that escapes is named."""
    monkeypatch.setattr(time, "time", lambda: 1.0)
    monkeypatch.setattr(secrets, "token_bytes", lambda _: b"")
    with pytest.raises(InterceptionUnavailable) as caught:
        self_check()
    assert caught.value.escaped == ("time.time", "secrets.token_bytes")
    assert (caught.value.code, caught.value.exit_code) == ("CB502", 70)
    assert "time.time, secrets.token_bytes" in str(caught.value)
    assert slot.activation is None


_LATE = """
import time
from datetime import datetime, timezone
from uuid import uuid4
from secrets import token_hex
from cerebelum.engine.runtime.interception import install
install()
from tests.engine.runtime.workflow_code import inside
answers = []
for _ in range(2):
    with inside():
        answers.append((datetime.now(timezone.utc), uuid4(), token_hex()))
assert answers[0] == answers[1], answers
assert answers[0][0].year == 2023
assert datetime.now().year > 2023
"""

_IMPOSSIBLE = """
import gc
gc.get_referents = lambda *objects: []
from cerebelum.engine.domain.errors_determinism import InterceptionUnavailable
from cerebelum.engine.runtime.interception import install
for _ in range(2):
    try:
        install()
    except InterceptionUnavailable as error:
        assert "datetime" in str(error), error
    else:
        raise SystemExit("installed")
"""


@pytest.mark.parametrize("program", [_LATE, _IMPOSSIBLE], ids=["imported by name before", "impossible interpreter"])
def test_in_a_fresh_process(program: str) -> None:
    """E9: classes and functions that were imported by name earlier follow, or the refusal is clear each time."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
