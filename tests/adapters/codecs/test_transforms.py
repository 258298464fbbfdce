"""Hooks for compression and encryption, and user data that looks like theirs."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebelum.adapters.codecs.compression import ZlibTransform
from cerebelum.adapters.codecs.json_codec import JsonCodec
from cerebelum.engine.domain.errors import DefinitionError
from cerebelum.engine.domain.errors_payload import PayloadTransformFailed

WHAT = "result of step 'work'"


class CipherForTestsOnly:
    """An authenticated stream cipher out of HMAC-SHA256, to try the hook; not for real secrets."""

    def __init__(self, key: bytes, name: str = "test-cipher") -> None:
        self._key, self.name = key, name

    def encode(self, data: bytes) -> bytes:
        nonce = secrets.token_bytes(16)
        body = nonce + self._mix(nonce, data)
        return body + self._tag(body)

    def decode(self, data: bytes) -> bytes:
        body, tag = data[:-32], data[-32:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise ValueError("wrong key, or the data was changed")
        return self._mix(body[:16], body[16:])

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key, b"tag" + body, hashlib.sha256)

    def _mix(self, nonce: bytes, data: bytes) -> bytes:
        blocks = (
            hmac.digest(self._key, nonce + block.to_bytes(8), hashlib.sha256) for block in range(len(data) // 32 + 1)
        )
        return bytes(a ^ b for a, b in zip(data, b"".join(blocks), strict=False))


KEYS = st.sampled_from(["$enc", "data", "a", "$", '"$enc"'])
LOOKALIKES = st.recursive(
    st.none() | KEYS | st.lists(KEYS, max_size=2), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


@given(LOOKALIKES, st.sampled_from([(), (ZlibTransform(smallest_bytes=0),), (CipherForTestsOnly(b"k"),)]))
def test_user_data_that_looks_like_an_envelope_survives(value: Any, transforms: Any) -> None:
    """R9: a user's key "$enc" is data, whatever stands beside it, with or without transforms."""
    codec = JsonCodec(transforms=transforms)
    text, copy = codec.encode(value, what=WHAT)
    assert copy == value
    assert codec.decode(text, what=WHAT) == value
    msgspec.json.decode(text)


@pytest.mark.parametrize("value", [{"$enc": ["zlib"], "data": "eJw="}, {"$enc": []}, {"x": {"$enc": 1}}])
def test_lookalikes_are_readable_by_a_codec_with_other_transforms(value: Any) -> None:
    """R9: what was written without transforms is read with them, and the other way round where none applied."""
    plain, packing = JsonCodec(), JsonCodec(transforms=[ZlibTransform()])
    assert packing.decode(plain.encode(value, what=WHAT)[0], what=WHAT) == value
    assert plain.decode(packing.encode(value, what=WHAT)[0], what=WHAT) == value


def test_hand_written_json_with_the_key_is_data() -> None:
    """R9: JSON that this codec did not write is not taken for an envelope unless it is one to the letter."""
    for text in (b'{"$enc": 5}', b'{"$enc": ["zlib"], "data": "x", "more": 1}', b'[{"$enc": []}]'):
        assert JsonCodec().decode(text, what=WHAT) == msgspec.json.decode(text)


def test_compressed_then_encrypted_payloads_are_one_json_value_and_come_back() -> None:
    """R9: transforms apply in order, are named in the stored value, and leave no clear text."""
    codec = JsonCodec(transforms=[ZlibTransform(), CipherForTestsOnly(b"key")])
    value = {"secret": "hunter2 " * 1000}
    text, copy = codec.encode(value, dict[str, str], what=WHAT)
    assert copy == value
    assert msgspec.json.decode(text)["$enc"] == ["zlib", "test-cipher"]
    assert b"hunter2" not in text
    assert len(text) < 400
    assert codec.decode(text, dict[str, str], what=WHAT) == value


def test_small_payloads_stay_uncompressed() -> None:
    """R9: compression that does not pay is left out, and says so in the stored value by its absence."""
    assert JsonCodec(transforms=[ZlibTransform()]).encode({"a": 1}, what=WHAT)[0] == b'{"a":1}'


def test_changed_ciphertext_or_a_wrong_key_is_refused() -> None:
    """R9: tampering is noticed by the cipher and told as a failure of the transform."""
    text, _ = JsonCodec(transforms=[CipherForTestsOnly(b"key")]).encode("secret", what=WHAT)
    with pytest.raises(PayloadTransformFailed, match="wrong key") as caught:
        JsonCodec(transforms=[CipherForTestsOnly(b"other")]).decode(text, what=WHAT)
    assert (caught.value.transform, caught.value.code) == ("test-cipher", "CB605")
    assert "secret" not in str(caught.value)


def test_an_unknown_transform_is_named() -> None:
    """R9: a node without the key says which transform it lacks."""
    text, _ = JsonCodec(transforms=[CipherForTestsOnly(b"key")]).encode("secret", what=WHAT)
    with pytest.raises(PayloadTransformFailed, match="'test-cipher' is not configured here"):
        JsonCodec().decode(text, what=WHAT)


def test_keys_can_be_rotated() -> None:
    """R9: old payloads are read with the old key while new ones are written with the new key."""
    old = JsonCodec(transforms=[CipherForTestsOnly(b"2023", "aes-2023")])
    new = JsonCodec(
        transforms=[CipherForTestsOnly(b"2024", "aes-2024")], also_read=[CipherForTestsOnly(b"2023", "aes-2023")]
    )
    assert new.decode(old.encode("x", what=WHAT)[0], what=WHAT) == "x"
    assert b"aes-2024" in new.encode("x", what=WHAT)[0]


@pytest.mark.parametrize(
    "forge",
    [
        lambda: zlib.compress(b"0" * 50_000_000),
        lambda: zlib.compress(b'"' + b"x" * 5000 + b'"')[:-9],
        lambda: zlib.compress(b'"x"') + b"tail",
        lambda: b"not zlib",
    ],
    ids=["bomb", "cut", "longer", "junk"],
)
def test_forged_compressed_data_is_refused(forge: Callable[[], bytes]) -> None:
    """R10: decompression is bounded by the payload limit, and damaged data is an error, not a value."""
    text = b'{"$enc":["zlib"],"data":"' + b64encode(forge()) + b'"}'
    with pytest.raises(PayloadTransformFailed, match="'zlib' failed"):
        JsonCodec(transforms=[ZlibTransform()]).decode(text, what=WHAT)


def test_unpacking_stops_exactly_at_the_limit() -> None:
    """R10: a payload of the limit's size is read, one byte more is not."""
    packing = ZlibTransform(limit_bytes=2000)
    assert packing.decode(zlib.compress(b"x" * 2000)) == b"x" * 2000
    with pytest.raises(ValueError, match="more than 2,000 bytes"):
        packing.decode(zlib.compress(b"x" * 2001))


class Losing:
    name = "losing"

    def encode(self, data: bytes) -> bytes:
        return data[:-1]

    def decode(self, data: bytes) -> bytes:
        return data


class Broken(CipherForTestsOnly):
    def encode(self, data: bytes) -> bytes:
        if b"probe" in data:
            return super().encode(data)
        raise ConnectionError("no key server")


def test_transforms_that_cannot_work_are_refused_at_construction() -> None:
    """R9: a transform that loses data, or two with one name, never get to write a history."""
    with pytest.raises(DefinitionError, match="'losing' does not give back"):
        JsonCodec(transforms=[Losing()])
    with pytest.raises(DefinitionError, match="same name"):
        JsonCodec(transforms=[ZlibTransform()], also_read=[ZlibTransform()])


def test_a_failing_transform_stops_the_write() -> None:
    """R9: without its key server an encrypting codec refuses; it never stores clear text."""
    with pytest.raises(PayloadTransformFailed, match="no key server"):
        JsonCodec(transforms=[Broken(b"key")]).encode("secret", what=WHAT)


@given(LOOKALIKES, st.sampled_from([(), (ZlibTransform(smallest_bytes=0),), (CipherForTestsOnly(b"k"),)]))
def test_text_in_clear_is_sealed_later_and_comes_back_the_same(value: Any, transforms: Any) -> None:
    """R9: what is compared on replay is the text in clear, the same as a codec without transforms stores."""
    codec = JsonCodec(transforms=transforms)
    clear, _ = codec.encode(value, what=WHAT, sealed=False)
    assert clear == JsonCodec().encode(value, what=WHAT)[0]
    sealed = codec.seal(clear, what=WHAT)
    assert codec.unseal(sealed, what=WHAT) == codec.unseal(clear, what=WHAT) == clear
    assert codec.decode(sealed, what=WHAT) == codec.decode(clear, what=WHAT) == value


def test_a_codec_tells_whether_it_changes_what_is_stored() -> None:
    """R9: transforms that are only undone count, too: commands written with them are compared in clear."""
    assert not JsonCodec().has_transforms
    assert JsonCodec(transforms=[ZlibTransform()]).has_transforms
    assert JsonCodec(also_read=[ZlibTransform()]).has_transforms
