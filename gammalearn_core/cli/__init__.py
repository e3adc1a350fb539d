"""The command ``gammalearn``. Each subcommand is a module that is imported when it is called."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence

from gammalearn_core._version import __version__
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import EXIT_SETTINGS
from gammalearn_core.errors import EXIT_STOPPED
from gammalearn_core.errors import GammalearnError
from gammalearn_core.plugin.names import suggest
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.plugin.switches import Switches

COMMANDS = {
    "run": "Train, validate and test the network of a settings file",
    "predict": "Apply a trained network to DL1 files, and write a DL2 file for each",
    "export": "Write a trained network as a file that other programs compute: ONNX or torch.export",
    "reproduce": "Do a finished run again, and tell whether it gives the same and, if not, why",
    "report": "Write the page of a run: figures, numbers, events, settings, in one file that needs nothing else",
    "compare": "Write a page that compares runs on the same test events",
    "baseline": "Put Hillas parameters and random forests beside the network of a run, on the same events",
    "sweep": "Search for the best values of settings, in many runs of one settings file",
    "lr-find": "Find the learning rates at which the network of a settings file learns",
    "check": "Tell every problem of a settings file, without reading an event",
    "plugins": "List plug-ins and show what they provide",
    "info": "Tell what DL1 and DL2 files hold, and what is wrong with them",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; errors of the user's are printed without a traceback."""
    _make_streams_safe()
    arguments, no_plugins = _take_switch(list(sys.argv[1:] if argv is None else argv))
    warnings.filterwarnings("default", category=DeprecationWarning, module="gammalearn_core")
    try:
        try:
            return _dispatch(arguments, Switches.read(no_plugins=no_plugins))
        finally:
            # Here, so that a closed pipe is noticed below and not by the interpreter when it exits.
            sys.stdout.flush()
    except GammalearnError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return EXIT_STOPPED
    except BrokenPipeError:
        # Whatever read our output has closed it, as `head` does: nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE


def _make_streams_safe() -> None:
    """Never fail for want of a stream, or of a character that a terminal's encoding does not have."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _take_switch(arguments: list[str]) -> tuple[list[str], str | None]:
    """Take ``--no-plugins[=a,b]`` out of the arguments, wherever it stands: it is read before anything is imported."""
    found = [a for a in arguments if a == "--no-plugins" or a.startswith("--no-plugins=")]
    rest = [a for a in arguments if a not in found]
    return rest, found[-1].partition("=")[2] if found else None


def _dispatch(arguments: list[str], switches: Switches) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help(Registry(switches).discover()))
        return EXIT_DONE
    if arguments[0] in ("-V", "--version"):
        print(f"gammalearn-core {__version__}")
        return EXIT_DONE
    name, rest = arguments[0], arguments[1:]
    registry = Registry(switches).discover()
    if name in COMMANDS:
        module = importlib.import_module(f"gammalearn_core.cli.{name.replace('-', '_')}")
        parser = argparse.ArgumentParser(prog=f"gammalearn {name}", description=COMMANDS[name] + ".")
        module.add_arguments(parser)
        code: int = module.execute(parser.parse_args(rest), registry)
        return code
    return _plugin_command(name, rest, registry)


def _plugin_command(name: str, rest: list[str], registry: Registry) -> int:
    ids = [id for id in registry.ids("command") if id.partition(".")[2] == name]
    if len(ids) == 1:
        command = registry.load(ids[0], kind="command")
        return int(command(rest) or EXIT_DONE)
    known = [*COMMANDS, *(id.partition(".")[2] for id in registry.ids("command"))]
    hint = f"declared by {' and '.join(ids)}" if ids else suggest(name, known) or f"one of {', '.join(known)}"
    print(f"error: no command is named {name!r}, {hint}", file=sys.stderr)
    return EXIT_SETTINGS


def _help(registry: Registry) -> str:
    extra = {c.name: f"{c.summary} ({id.partition('.')[0]})" for id, c in registry.components("command")}
    commands = COMMANDS | {name: summary for name, summary in extra.items() if name not in COMMANDS}
    width = max(map(len, commands))
    return "\n".join(
        [
            "usage: gammalearn [--version] [--help] [--no-plugins[=a,b]] COMMAND …",
            "",
            "Train, test and apply deep networks on images of Cherenkov telescopes.",
            "",
            "commands:",
            *(f"  {name.ljust(width)}  {summary}" for name, summary in commands.items()),
            "",
            "'gammalearn COMMAND --help' tells more. Exit codes: 0 done, 1 a check failed, 2 settings or usage,",
            "3 non-finite loss, 4 data, 75 stopped and can be continued.",
        ]
    )


__all__ = ["COMMANDS", "main"]
