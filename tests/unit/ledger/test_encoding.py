"""Encoding of names, transactions and ranges of keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.encoding import EncodedTransaction, encode, key_range
from services.ledger.interface import Transaction

# Few characters, so that keys, prefixes and positions often coincide.
names = st.text("ab\0\U0010ffff", max_size=4)


@given(names.filter(bool), names, names)
def test_a_range_holds_the_keys_of_a_prefix_after_a_position(
    key: str, prefix: str, after: str
) -> None:
    """A key is in the range exactly when it has the prefix and its bytes are past the position."""
    start, stop = key_range(prefix, after)
    expected = key.startswith(prefix) and key.encode() > after.encode()

    assert expected == (start <= encode(key) < stop)


def test_an_encoded_transaction_is_independent_of_its_source() -> None:
    """What the caller changes after `commit` was called is not written."""
    puts, hashes = {"a": b"1"}, np.array([1, 2], dtype=np.uint64)
    encoded = EncodedTransaction.of(Transaction("p", puts=puts, distinct={"ids": hashes}))
    puts["b"] = b"2"
    hashes[0] = 9

    assert {b"a": b"1"} == encoded.puts
    assert [1, 2] == encoded.distinct[b"ids"].tolist()


@pytest.mark.parametrize("hashes", [[-1], [2**64]])
def test_a_hash_has_64_bits(hashes: list[int]) -> None:
    """Other numbers are a ValueError that names the distinct count."""
    with pytest.raises(ValueError, match="distinct 'ids': "):
        EncodedTransaction.of(Transaction("p", distinct={"ids": hashes}))
