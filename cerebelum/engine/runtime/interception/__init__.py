"""Time and randomness inside workflow code answer from the execution; everywhere else they are the real thing.

`install` once, before user modules are imported: a function that a module took by name beforehand
(`from time import time`) stays the original there. Engine code that an activation calls and that needs the
real thing takes it from `interception.real`, or wraps the stretch in `outside()`.
"""

from __future__ import annotations

from cerebelum.engine.runtime.interception.install import install, self_check
from cerebelum.engine.runtime.interception.outside import outside

__all__ = ["install", "outside", "self_check"]
