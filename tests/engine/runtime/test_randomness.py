from __future__ import annotations

import random
import uuid

import pytest

from cerebelum.engine.ports.clock import RandomProvider
from cerebelum.engine.runtime.interception import install
from cerebelum.engine.runtime.randomness import ExecutionRandomness, rng_for, seed_of
from tests.engine.runtime.workflow_code import inside

install()

GOLDEN_SEED = 273709921125112286452906371257884147742
GOLDEN_FLOAT = 0.23267929706596657


@pytest.fixture
def randomness() -> ExecutionRandomness:
    return ExecutionRandomness()


def test_all_forms_give_what_they_promise(randomness: ExecutionRandomness) -> None:
    """E6: floats in [0, 1) and integers in 1..n, plain or of an execution."""
    provider: RandomProvider = randomness
    assert 0 <= provider.uniform() < 1
    assert 0 <= provider.uniform("a") < 1
    assert {provider.uniform(6) for _ in range(10_000)} == {1, 2, 3, 4, 5, 6}
    assert {provider.uniform("a", 6) for _ in range(10_000)} == {1, 2, 3, 4, 5, 6}
    assert provider.uniform(1) == provider.uniform("a", 1) == 1


def test_only_the_forms_with_an_id_are_repeatable(randomness: ExecutionRandomness) -> None:
    """E6, E7: an execution's sequence is its id's, whatever is drawn beside it."""
    other = ExecutionRandomness()
    first = [(randomness.uniform("a"), randomness.uniform("a", 100), randomness.uniform()) for _ in range(20)]
    other.uniform("b")
    second = [(other.uniform("a"), other.uniform("a", 100), other.uniform()) for _ in range(20)]
    assert [draw[:2] for draw in first] == [draw[:2] for draw in second]
    assert [draw[2] for draw in first] != [draw[2] for draw in second]
    assert ExecutionRandomness().uniform("a") != ExecutionRandomness().uniform("b")


@pytest.mark.parametrize("most", [0, -3])
def test_an_empty_range_is_refused(randomness: ExecutionRandomness, most: int) -> None:
    """E6: there is no number in 1..0."""
    with pytest.raises(ValueError, match="range"):
        randomness.uniform(most)
    with pytest.raises(ValueError, match="range"):
        randomness.uniform("a", most)


def test_seed_restarts_one_sequence(randomness: ExecutionRandomness) -> None:
    """E8: the same seed gives the same numbers again; another execution with that seed has others."""
    provider: RandomProvider = randomness
    provider.seed("a", 7)
    first = [provider.uniform("a") for _ in range(5)]
    provider.seed("a", 7)
    assert [provider.uniform("a") for _ in range(5)] == first
    provider.seed("a", 8)
    provider.seed("b", 7)
    assert provider.uniform("a") != first[0]
    assert provider.uniform("b") != first[0]


def test_uuids_are_of_version_4_and_repeatable(randomness: ExecutionRandomness) -> None:
    """E8: valid, different from each other, and the same on replay."""
    provider: RandomProvider = randomness
    drawn = [provider.generate_uuid("a") for _ in range(3)]
    assert all(uuid.UUID(str(one)).version == 4 for one in drawn)
    assert len(set(drawn)) == 3
    randomness.forget("a")
    assert [provider.generate_uuid("a") for _ in range(3)] == drawn


def test_inside_an_activation_there_is_one_sequence(randomness: ExecutionRandomness) -> None:
    """E8, E9: the provider and the plain library draw from the execution's one generator."""
    reference = rng_for("exec-1")
    with inside():
        assert random.random() == reference.random()
        assert randomness.uniform("exec-1") == reference.random()
        randomness.seed("exec-1", 3)
        assert random.random() == rng_for("exec-1", 3).random()
        assert randomness.uniform("exec-2") == rng_for("exec-2").random()


def test_the_seed_of_an_id_never_changes() -> None:
    """E7: histories that exist were recorded under these very numbers."""
    assert seed_of("exec-1") == GOLDEN_SEED
    assert rng_for("exec-1").random() == GOLDEN_FLOAT
    assert len({seed_of(f"exec-{n}", seed) for n in range(50) for seed in range(50)}) == 2500
