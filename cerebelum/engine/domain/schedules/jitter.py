"""Jitter: how much later than its time a fire starts, so that many schedules of one time do not start at once.

It is drawn from the schedule's name and the fire's time: every node, and the same node after a restart, finds the same.
"""

from __future__ import annotations

import hashlib


def jitter_of_us(name: str, fire_us: int, *, most_us: int) -> int:
    """Return the delay of one fire, 0 to `most_us` microseconds, both included."""
    if not most_us:
        return 0
    digest = hashlib.blake2b(f"{name}\0{fire_us}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest, "big") % (most_us + 1)
