"""pydantic models, alone and inside dataclasses, without the engine ever importing pydantic."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel, SecretStr, computed_field

from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.engine.domain.errors_payload import PayloadMismatch, PayloadNotEncodable

CODEC = JsonCodec()
WHAT = "result of step 'work'"


class Address(BaseModel):
    model_config = ConfigDict(extra="forbid")
    street: str = Field(alias="streetName")
    since: datetime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        return len(self.street)


class Person(BaseModel):
    name: str
    age: int = Field(ge=0)
    ratio: float | None = None
    tags: set[str] = set()
    worth: Decimal = Decimal(0)
    pair: tuple[int, str] = (0, "")
    address: Address | None = None


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    at: datetime
    pair: tuple[int, int]


class Names(RootModel[list[str]]):
    pass


class Secretive(BaseModel):
    password: SecretStr


class Counting(BaseModel):
    _count: int = PrivateAttr(default=0)


class Other(BaseModel):
    code: int


@dataclass
class Team:
    lead: Person
    members: list[Person]
    anyone: Person | Other | str = "nobody"


ANA = Person(
    name="Ana",
    age=40,
    tags={"x", "y", "z"},
    worth=Decimal("1.10"),
    pair=(1, "a"),
    address=Address(streetName="Main", since=datetime(2024, 1, 1, tzinfo=UTC)),
)


@pytest.mark.parametrize(
    "value,annotation",
    [
        (ANA, Person),
        ([ANA, None], list[Person | None]),
        (Team(ANA, [ANA], Other(code=1)), Team),
        (Team(ANA, [], "somebody"), Team),
        (Strict(at=datetime(2024, 1, 1, tzinfo=UTC), pair=(1, 2)), Strict),
        (Names(["a", "b"]), Names),
        ({"a": Other(code=1)}, dict[str, Other | Person]),
    ],
)
def test_models_come_back_equal(value: Any, annotation: Any) -> None:
    """R9: models, aliases, computed fields, strict mode and root models come back equal, with sets in one order."""
    text, copy = CODEC.encode(value, annotation, what=WHAT)
    assert copy == value
    assert CODEC.encode(copy, annotation, what=WHAT)[0] == text
    assert b'"tags":["z"' not in text


def test_nan_in_a_model_is_refused_with_its_path() -> None:
    """R9: NaN does not become null inside a model."""
    with pytest.raises(PayloadNotEncodable) as caught:
        CODEC.encode([Person(name="x", age=1, ratio=math.nan)], list[Person], what=WHAT)
    assert (caught.value.path, caught.value.shown) == ("result[0].ratio", "NaN")


def test_what_a_model_hides_is_refused() -> None:
    """R9: a secret that dumps as stars, and private state, would be lost, so they are refused."""
    for value in (Secretive(password=SecretStr("hunter2")), Counting()):
        if isinstance(value, Counting):
            value._count = 5
        with pytest.raises(PayloadNotEncodable) as caught:
            CODEC.encode(value, type(value), what=WHAT)
        assert "hunter2" not in str(caught.value)


def test_a_models_misfit_names_the_field_inside_it() -> None:
    """R9: pydantic's own checks apply to decoded input, and the path goes on into the model."""
    text = b'{"lead":{"name":"a","age":1},"members":[{"name":"a","age":-1}]}'
    with pytest.raises(PayloadMismatch, match="greater than or equal to 0") as caught:
        CODEC.decode(text, Team, what="input of workflow 'w'")
    assert caught.value.path == "input.members[0].age"


def test_a_flow_without_models_never_loads_pydantic() -> None:
    """R9: pydantic is imported by user code or not at all."""
    program = (
        "import sys; from cerebelum.adapters.codecs.json_codec import JsonCodec;"
        "JsonCodec().encode({'a': {1}}, dict[str, set[int]], what='x'); assert 'pydantic' not in sys.modules"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
