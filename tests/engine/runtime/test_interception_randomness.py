from __future__ import annotations

import json
import os
import pickle
import random
import secrets
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.interception.chance import uuid1_of, uuid6_of, uuid7_of
from cerebelum.engine.runtime.randomness import rng_for
from tests.engine.runtime.workflow_code import NOW_US, SmallActivation, inside

install()

ROOT = Path(__file__).parents[3]


def shuffled() -> list[int]:
    numbers = list(range(20))
    random.shuffle(numbers)
    return numbers


def reseeded() -> float:
    generator = random.Random(1)
    generator.seed()
    return generator.random()


DRAWS: dict[str, Callable[[], Any]] = {
    "random": random.random,
    "uniform": lambda: random.uniform(1, 5),
    "randint": lambda: random.randint(1, 10**9),
    "randrange": lambda: random.randrange(0, 10**9, 3),
    "choice": lambda: random.choice(range(10**9)),
    "choices": lambda: random.choices("abcdef", k=12),
    "sample": lambda: random.sample(range(1000), k=5),
    "shuffle": shuffled,
    "gauss": lambda: random.gauss(0, 1),
    "normalvariate": lambda: random.normalvariate(mu=0, sigma=1),
    "getrandbits": lambda: random.getrandbits(64),
    "randbytes": lambda: random.randbytes(16),
    "triangular": random.triangular,
    "betavariate": lambda: random.betavariate(1, 2),
    "expovariate": lambda: random.expovariate(1),
    "Random": lambda: random.Random().random(),
    "Random.seed": reseeded,
    "SystemRandom": lambda: random.SystemRandom().random(),
    "SystemRandom.randrange": lambda: random.SystemRandom().randrange(10**9),
    "uuid1": uuid.uuid1,
    "uuid4": uuid.uuid4,
    "urandom": lambda: os.urandom(16),
    "token_bytes": lambda: secrets.token_bytes(16),
    "token_hex": secrets.token_hex,
    "token_urlsafe": secrets.token_urlsafe,
    "secrets.choice": lambda: secrets.choice(range(10**9)),
    "randbelow": lambda: secrets.randbelow(10**9),
    "randbits": lambda: secrets.randbits(64),
}
if hasattr(os, "getrandom"):
    DRAWS["getrandom"] = lambda: os.getrandom(16)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_a_draw_in_an_activation_is_repeatable(draw: Callable[[], Any]) -> None:
    """E9: the same execution draws the same again, another execution and real code draw something else."""
    with inside():
        first, second = draw(), draw()
    with inside():
        assert (draw(), draw()) == (first, second)
    with inside(SmallActivation("exec-2")):
        assert draw() != first
    assert first != second
    assert draw() != draw()


def test_every_public_function_of_random_is_intercepted() -> None:
    """E9: none of the module's functions escapes, those of newer Pythons neither."""
    functions = {name for name in random.__all__ if not isinstance(getattr(random, name), type)}
    escaped = {
        name for name in functions if getattr(getattr(random, name), "__self__", None).__class__ is random.Random
    }
    assert functions
    assert escaped == set()


def test_seed_in_a_workflow_restarts_only_its_own_sequence() -> None:
    """E8, E9: `random.seed` in an activation neither touches the process's generator nor another execution's."""
    state = random.getstate()
    with inside():
        random.seed(7)
        first = random.random()
        random.seed(7)
        assert random.random() == first == random.Random(7).random()
        other = SmallActivation("exec-2")
        with inside(other):
            assert random.random() == rng_for("exec-2").random()
        inner = random.getstate()
        following = random.random()
        random.setstate(inner)
        assert random.random() == following
    assert random.getstate() == state


def test_seed_without_a_number_is_repeatable_too() -> None:
    """E9: `random.seed()` means fresh entropy; in a workflow that is the execution's own."""

    def draw() -> float:
        random.seed()
        return random.random()

    with inside():
        first = draw()
    with inside():
        assert draw() == first


def test_other_threads_and_steps_leave_the_sequence_alone() -> None:
    """E20: what runs beside an activation draws elsewhere, so its scheduling changes no number of the workflow."""
    with inside():
        undisturbed = [random.random() for _ in range(3)]
    begin, drawn = threading.Event(), threading.Event()

    def step() -> None:
        begin.wait()
        random.random()
        uuid.uuid4()
        drawn.set()

    thread = threading.Thread(target=step)
    thread.start()
    activation, numbers = SmallActivation(), []
    with inside(activation):
        numbers.append(random.random())
        begin.set()
        drawn.wait()
        numbers.append(random.random())
    thread.join()
    random.random()
    with inside(SmallActivation("exec-2")):
        random.random()
    with inside(activation):
        numbers.append(random.random())
    assert numbers == undisturbed


def test_branches_that_take_turns_in_one_order_draw_the_same() -> None:
    """E20: with the turns of concurrent branches in the history's order, every branch draws the same on replay."""

    def branch(name: str, draws: dict[str, list[float]]) -> Any:
        for _ in range(3):
            draws.setdefault(name, []).append(random.random())
            yield

    def run(turns: str, noise: bool) -> dict[str, list[float]]:
        draws: dict[str, list[float]] = {}
        activation = SmallActivation()
        branches = {name: branch(name, draws) for name in "abc"}
        for name in turns:
            with inside(activation):
                next(branches[name])
            if noise:
                random.random()
                uuid.uuid4()
        return draws

    assert run("abcbcacab", noise=False) == run("abcbcacab", noise=True)


def test_uuids_are_valid_and_carry_workflow_time() -> None:
    """E8, E9: version and variant are right, the times are the event's, and two of one instant differ."""
    with inside():
        one, four = uuid.uuid1(), uuid.uuid4()
        mine = uuid.uuid1(node=0x1234, clock_seq=5)
    assert (one.version, one.variant, four.version, four.variant) == (1, uuid.RFC_4122, 4, uuid.RFC_4122)
    assert (one.time - 0x01B21DD213814000) // 10 == NOW_US
    assert (mine.node, mine.clock_seq) == (0x1234, 5)
    rng = random.Random(1)
    six, seven = uuid6_of(NOW_US, rng), uuid7_of(NOW_US, rng)
    assert (six.version, six.variant, seven.version, seven.variant) == (6, uuid.RFC_4122, 7, uuid.RFC_4122)
    assert seven.int >> 80 == NOW_US // 1000
    ticks = (six.int >> 80) << 12 | (six.int >> 64 & 0xFFF)
    assert (ticks - 0x01B21DD213814000) // 10 == NOW_US
    assert len({uuid1_of(NOW_US, rng) for _ in range(100)}) == 100


def test_random_stays_a_class_and_a_seeded_generator_stays_as_it_was() -> None:
    """E9: `Random(n)` gives the numbers it always gave, inside an activation too."""
    expected = random.Random(5).random()
    with inside() as activation:
        state = activation.rng.getstate()
        assert random.Random(5).random() == expected
        assert activation.rng.getstate() == state
    assert isinstance(random.SystemRandom(), random.Random)
    assert pickle.loads(pickle.dumps(random.Random(5))).random() == expected


_PROGRAM = """
import json, os, random, secrets, sys, time, uuid
from cerebelum.engine.runtime.interception import install
install()
from tests.engine.runtime.workflow_code import inside
with inside():
    numbers = [random.random() for _ in range(10)]
    print(json.dumps([numbers, str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(8), os.urandom(4).hex(),
                      random.sample(range(100), 5), time.time()]))
"""


def test_two_processes_with_different_hash_seeds_print_the_same_numbers() -> None:
    """E7: Python's salted hash has no part in an execution's numbers."""
    printed = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        printed.append(json.loads(done.stdout))
    assert printed[0] == printed[1]
    assert len(set(printed[0][0])) == 10
