"""`python -m cerebelum_cli`: the same as `cerebelum`."""

from __future__ import annotations

from cerebelum_cli.main import run

if __name__ == "__main__":
    run()
