"""The command's entry point. It imports next to nothing: what a command needs is imported when that command runs."""

from __future__ import annotations

import sys


def run() -> None:
    """Run the command that `sys.argv` holds; the console entry."""
    if sys.argv[1:] == ["--version"]:  # scripts and prompts ask this often, and it needs no parser
        import cerebelum

        sys.stdout.write(f"cerebelum {cerebelum.__version__}\n")
        return
    from cerebelum_cli.app import app

    app(prog_name="cerebelum")
