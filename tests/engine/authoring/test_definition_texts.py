"""Definitions in files: JSON and YAML as far as they are data."""

from __future__ import annotations

import sys

import pytest

from cerebelum.engine.authoring.definitions.reading import read_text
from cerebelum.engine.domain.errors_definition import DefinitionUnreadable
from tests.flows.definition_samples import WHOLE


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "is not JSON: Expecting property name"),
        ('{"a": 1, "a": 2}', "the key 'a' comes twice in one object"),
        ('{"a": NaN}', "NaN is not a number"),
        ("[" * 100_000, "nested deeper than 60 levels"),
        ("1" * 5_000, "is not JSON"),
        (" " * 10_000_000, "10,000,000 characters, 1,000,000 are allowed"),
    ],
)
def test_text_that_is_no_json(text: str, message: str) -> None:
    """A18: what is not JSON, says something twice, or is too large, is refused with the file's name."""
    with pytest.raises(DefinitionUnreadable, match=message) as refused:
        read_text(text, shown="flow.json", is_yaml=False)
    assert str(refused.value).startswith("flow.json")


def test_yaml_says_the_same_as_json() -> None:
    """A18: a YAML file gives the data that the JSON one gives."""
    yaml = pytest.importorskip("yaml")
    assert read_text(yaml.safe_dump(WHOLE, sort_keys=False), shown="flow.yaml", is_yaml=True) == WHOLE
    text = "a: no\nb: yes\nc: 2030-01-01\nd: 012\ne: true\nf: null\ng: -1.5e3\nh: 7\ni:\nj: on\nk: 1_000"
    assert read_text(text, shown="flow.yaml", is_yaml=True) == {
        "a": "no", "b": "yes", "c": "2030-01-01", "d": "012", "e": True, "f": None, "g": -1500.0, "h": 7, "i": None,
        "j": "on", "k": "1_000",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: &x [1]\nb: *x", r"aliases \(\*name\) are not allowed \(line 2, column 4\)"),
        ("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]", "aliases"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("a: !!set {x}", "a value of type set is not data"),
        ("a: !!timestamp 2030-01-01", "a value of type date is not data"),
        ("a: 1\na: 2", "the key 'a' comes twice in one mapping"),
        ("? [1]\n: 2", "keys must be texts"),
        ("1: 2", "keys must be texts"),
        ("a: [", "is not YAML"),
        ("a: 1\n---\nb: 2", "is not YAML"),
        ("[" * 20_000, "nested deeper than 60 levels|is not YAML"),
        ("- " * 2_000 + "1", "nested deeper than 60 levels|is not YAML"),
    ],
)
def test_yaml_that_is_more_than_data_is_refused(text: str, message: str) -> None:
    """A26: no tags, no aliases (a bomb of them is a few lines), no keys that come twice, no dates."""
    pytest.importorskip("yaml")
    with pytest.raises(DefinitionUnreadable, match=message):
        read_text(text, shown="flow.yaml", is_yaml=True)


def test_yaml_without_pyyaml_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A18: the extra is named where it is missing."""
    monkeypatch.delitem(sys.modules, "cerebelum.engine.authoring.definitions.yaml_reading", raising=False)
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(DefinitionUnreadable, match=r"pip install 'cerebelum\[yaml\]'"):
        read_text("a: 1", shown="flow.yaml", is_yaml=True)
