"""The functions as they were before `install`: for the engine's own needs, inside an activation too."""

from __future__ import annotations

import os
import random as _random
import time as _time
import uuid as _uuid
from datetime import date, datetime
from typing import Any

time = _time.time
time_ns = _time.time_ns
monotonic = _time.monotonic
monotonic_ns = _time.monotonic_ns
perf_counter = _time.perf_counter
localtime = _time.localtime
gmtime = _time.gmtime
ctime = _time.ctime
asctime = _time.asctime
strftime = _time.strftime
mktime = _time.mktime
sleep = _time.sleep

datetime_plain_now: Any = datetime.now

# Descriptors from the types' own dicts: call them with the class first.
datetime_now: Any = datetime.__dict__["now"]
datetime_utcnow: Any = datetime.__dict__["utcnow"]
datetime_fromtimestamp: Any = datetime.__dict__["fromtimestamp"]
datetime_timestamp: Any = datetime.__dict__["timestamp"]
datetime_astimezone: Any = datetime.__dict__["astimezone"]
date_today: Any = date.__dict__["today"]
date_fromtimestamp: Any = date.__dict__["fromtimestamp"]

urandom = os.urandom
random_seed: Any = _random.Random.seed
uuid1 = _uuid.uuid1


def now_us() -> int:
    """Return the system's time: microseconds since the Unix epoch."""
    return time_ns() // 1000


def uuid4() -> _uuid.UUID:
    """Return a random UUID that belongs to no execution."""
    return _uuid.UUID(bytes=urandom(16), version=4)
