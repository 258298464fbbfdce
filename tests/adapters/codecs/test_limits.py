"""Sizes are bounded before anything is written."""

from __future__ import annotations

import pytest

from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.engine.domain.errors_payload import PayloadTooLarge

WHAT = "result of step 'load'"


def test_the_limit_is_2_mib_of_json() -> None:
    """R10: exactly 2 MiB passes; one byte more is refused with its size, the limit and what it was."""
    codec = JsonCodec(warn=lambda _: None)
    limit = 2 * 1024 * 1024
    text, _ = codec.encode("x" * (limit - 2), what=WHAT)
    assert len(text) == limit
    with pytest.raises(PayloadTooLarge) as caught:
        codec.encode("x" * (limit - 1), what=WHAT)
    error = caught.value
    assert (error.size_bytes, error.limit_bytes, error.what) == (limit + 1, limit, WHAT)
    assert "2,097,153 bytes" in str(error)


def test_a_payload_over_256_kib_warns_once_for_each_origin() -> None:
    """R10: large payloads warn long before they are refused, and do not fill the log."""
    warnings: list[str] = []
    codec = JsonCodec(warn=warnings.append)
    codec.encode("x" * (256 * 1024 - 2), what=WHAT)
    assert warnings == []
    for what in (WHAT, WHAT, "result of step 'other'"):
        codec.encode("x" * 256 * 1024, what=what)
    assert [warning.partition(" has ")[0] for warning in warnings] == [WHAT, "result of step 'other'"]


def test_a_payload_stored_under_a_higher_limit_can_still_be_read() -> None:
    """R10: lowering the limit never makes history unreadable."""
    text, _ = JsonCodec(warn=lambda _: None).encode("x" * 5000, what=WHAT)
    assert JsonCodec(limit_bytes=100).decode(text, str, what=WHAT) == "x" * 5000


def test_many_annotations_do_not_fill_the_memory() -> None:
    """R10: the cache of decoders is bounded."""
    codec = JsonCodec()
    for _ in range(5000):
        codec.encode([1], list[int], what=WHAT)
    assert len(codec._shapes._shapes) <= 2048
