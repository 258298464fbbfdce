from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.runtime.code.bundle import MAX_BUNDLE_BYTES, ModuleSource, SourceBundle

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,5}){0,2}", fullmatch=True), TEXT))
def test_a_bundle_is_read_as_it_was_written(sources: dict[str, str]) -> None:
    """G2: any source comes back exactly, and equal bundles are equal bytes."""
    bundle = SourceBundle({name: ModuleSource(f"{name.replace('.', '/')}.py", text) for name, text in sources.items()})
    encoded = bundle.encode(module="flow")
    turned = SourceBundle({name: bundle.modules[name] for name in sorted(bundle.modules, reverse=True)})
    assert SourceBundle.decode(encoded).modules == bundle.modules
    assert turned.encode(module="flow") == encoded


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"[]",
        b'{"flow": "text"}',
        b'{"flow": {"path": "flow.py"}}',
        b'{"flow": {"path": "flow.py", "source": "", "more": 1}}',
        b'{"flow": {"path": "../flow.py", "source": ""}}',
        b'{"flow": {"path": "/etc/flow.py", "source": ""}}',
        b'{"flow": {"path": "a/../flow.py", "source": ""}}',
        b'{"flow": {"path": "a\\\\flow.py", "source": ""}}',
        b'{"flow": {"path": "a\\u001b.py", "source": ""}}',
        b'{"": {"path": "flow.py", "source": ""}}',
        b'{"a..b": {"path": "flow.py", "source": ""}}',
        b" " * (MAX_BUNDLE_BYTES + 1),
        b"{%s}" % b",".join(b'"m%d": {"path": "m.py", "source": ""}' % n for n in range(2_001)),
    ],
)
def test_a_damaged_or_hostile_bundle_is_refused(stored: bytes) -> None:
    """G2: whatever a store holds, a bundle is bounded and its paths stay inside a project."""
    with pytest.raises(ValueError, match=r"."):
        SourceBundle.decode(stored)
