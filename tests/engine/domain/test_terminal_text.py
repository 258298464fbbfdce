from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.engine.domain.terminal_text import visible


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb", r"a\rb"),
        ("\b\x7f\x00", r"\x08\x7f\x00"),
        ("user\u202etxt.exe", r"user\u202etxt.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("a\u200bb\ufeff\u00ad", r"a\u200bb\ufeff\xad"),
        ("\U000e0041", r"\U000e0041"),
        ("\u2028\u3164\u034f", r"\u2028\u3164\u034f"),
        ("\udc80", r"\udc80"),
    ],
)
def test_what_acts_on_a_terminal_becomes_a_visible_escape(text: str, shown: str) -> None:
    """Controls, bidi controls, invisible format characters and lone surrogates are shown, not obeyed."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["plain", "ñandú e\u0301", "日本語", "❤️", "a\nb\tc", r"C:\new\x1b", "no-break\u00a0space"]
)
def test_text_with_a_shape_stays_as_it_is(text: str) -> None:
    """Letters, accents, emoji, line feeds and backslashes are shown as they were written."""
    assert visible(text) == text


def test_line_feeds_and_tabs_are_escaped_where_one_line_is_wanted() -> None:
    """A value that must stay in its cell cannot break out of it."""
    assert visible("a\nb\tc\x1b", keep_newlines=False) == r"a\nb\tc\x1b"


@given(text=st.text(st.characters(codec=None, exclude_categories=())), keep_newlines=st.booleans())
def test_nothing_that_acts_is_left_of_any_text(text: str, keep_newlines: bool) -> None:
    """No control, format or separator character and no surrogate survives; the result can be encoded."""
    shown = visible(text, keep_newlines=keep_newlines)
    shown.encode()
    kept = {"\n", "\t"} if keep_newlines else set()
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c not in kept]
