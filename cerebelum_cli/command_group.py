"""The root command: finds the others in the table, and every way to fail ends here, in one form and with its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cerebelum_cli.command_table import COMMANDS, load_command
from cerebelum_cli.settings import forget


class CommandGroup(TyperGroup):
    """Takes `--debug` anywhere on the line, and turns whatever is raised into a message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """Return the names of all commands, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:  # noqa: ARG002 - as above
        """Return a command, imported now; None if there is none of this name."""
        if cmd_name in COMMANDS:
            return load_command(cmd_name)
        self.commands.update({name: load_command(name) for name in COMMANDS})  # what it is compared with
        return None

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **options: Any) -> Any:  # type: ignore[override]
        """Run the command line; always ends with `SystemExit`."""
        line = list(sys.argv[1:] if args is None else args)
        own = line[: line.index("--")] if "--" in line else line
        debug = "--debug" in own or os.environ.get("CEREBELUM_DEBUG", "") not in ("", "0")
        line = [word for word in own if word != "--debug"] + line[len(own) :]
        _never_fail_on_a_character()
        forget()
        options["standalone_mode"] = False
        try:
            code = super().main(args=line, prog_name=prog_name or "cerebelum", **options)
        except typer.TyperException as error:
            if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help page; nothing was done
                sys.stderr.write(f"{error.format_message()}\n")
                sys.exit(2)
            sys.exit(_report(_usage_problem(error, line), line, debug))
        except typer.Abort:
            sys.exit(1)
        except BrokenPipeError:
            _close_quietly()
            sys.exit(1)
        except Exception as error:
            sys.exit(_report(error, line, debug))
        sys.exit(code if isinstance(code, int) else 0)


def _report(error: BaseException, line: Sequence[str], debug: bool) -> int:
    from cerebelum_cli.errors import report
    from cerebelum_cli.typed_command import suggest_typed_command

    suggest_typed_command(error, line)
    return report(error, as_json=wants_json(line), debug=debug)


def _usage_problem(error: typer.TyperException, line: Sequence[str]) -> BaseException:
    from cerebelum_cli.errors import UsageProblem

    command = next((word for word in line if not word.startswith("-")), "")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else f"cerebelum {command}".strip()
    return UsageProblem(error.format_message().strip() or "what is to be done?", help_=f"{path} --help")


def wants_json(line: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON: then errors are JSON as well."""
    payload_option = line[:1] in (["signal"], ["input"], ["update"], ["query"])  # there `--json` takes the payload
    for word, following in zip(line, [*line[1:], ""], strict=False):
        if word == "--":
            return False
        if word == "--json" and not payload_option:
            return True
        if word in ("-o", "--output") and following in ("json", "jsonl"):
            return True
        if word in ("-ojson", "-ojsonl", "--output=json", "--output=jsonl"):
            return True
    return False


def _never_fail_on_a_character() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _close_quietly() -> None:
    """The reader went away (`cerebelum list | head -1`): do not complain again at the interpreter's end."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a path of ours
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
