"""What is typed after `batches`, and what is answered. Knows no HTTP."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import BinaryIO

from managed_files.batch_cli import actions, disk, values
from managed_files.batch_cli.client import BatchClient
from managed_files.batch_cli.progress import explained
from managed_files.batch_cli.table import Recipe, Template, lines
from managed_files.batch_records import CHAT
from managed_files.errors import InvalidRequest

_BASE_URL = "http://127.0.0.1:4000"

Action = Callable[[argparse.Namespace, BatchClient], bool]


def add_to(parser: argparse.ArgumentParser) -> None:
    """The actions and their options. Each ends the process: with status 0, or 1 if the batch is not completed."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--base-url", help=f"default: MANAGED_FILES_BASE_URL, OPENAI_BASE_URL, {_BASE_URL}")
    common.add_argument("--api-key", help="default, and better: MANAGED_FILES_API_KEY, OPENAI_API_KEY")
    common.set_defaults(config=None, data_dir=None)
    polling = argparse.ArgumentParser(add_help=False)
    polling.add_argument(
        "--interval", type=values.seconds, default=2.0, help="seconds between two looks (default: %(default)s)"
    )
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("id", type=values.batch_id, help="of the batch")
    names = parser.add_subparsers(required=True)
    _add_submit(names.add_parser("submit", parents=[common, polling], help="upload lines, make a batch, print its id"))
    status = names.add_parser("status", parents=[common, named], help="say how far a batch is")
    status.add_argument("--json", action="store_true", help="as the API's object")
    status.set_defaults(run=_running(_status))
    watch = names.add_parser("watch", parents=[common, named, polling], help="wait for a batch's end")
    watch.set_defaults(run=_running(_watch))
    fetch = names.add_parser("fetch", parents=[common, named], help="download what came of a batch")
    fetch.add_argument("-o", "--output", metavar="FILE", help="where the answers go (default, or -: standard output)")
    fetch.add_argument("--errors", metavar="FILE", help="where the lines go that were not answered")
    fetch.set_defaults(run=_running(_fetch))


def _add_submit(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE.jsonl",
        help="lines as OpenAI's batches have them; - is standard input",
    )
    source.add_argument("--csv", type=Path, metavar="FILE", help="or rows, of which each becomes a chat")
    parser.add_argument("--prompt", metavar="TEXT", help="with --csv: the user's message, cells as {column}")
    parser.add_argument("--system", metavar="TEXT", help="with --csv: the system message, likewise")
    parser.add_argument("--id-column", metavar="NAME", help="with --csv: the custom ids (default: row-1, row-2, …)")
    setting = "with --csv: a field of every request, its value JSON or text (temperature=0)"
    parser.add_argument("--set", action="append", default=[], type=values.setting, metavar="NAME=VALUE", help=setting)
    parser.add_argument("--model", help="with --csv: the model of every request; else, which of the targets answers")
    parser.add_argument("--targets", metavar="A,B", help="models that get the whole file")
    parser.add_argument("--endpoint", default=CHAT, help="of the lines (default: %(default)s)")
    parser.add_argument("--window", default="24h", help="time to complete the batch in (default: %(default)s)")
    parser.add_argument("--metadata", action="append", default=[], type=values.pair, metavar="KEY=VALUE")
    parser.add_argument("--webhook-url", metavar="URL", help="who is told of the end")
    parser.add_argument("--watch", action="store_true", help="then wait for the end")
    parser.set_defaults(run=_running(_submit))


def _running(action: Action) -> Callable[[argparse.Namespace], None]:
    def run(arguments: argparse.Namespace) -> None:
        base_url = arguments.base_url or _variable("BASE_URL") or _BASE_URL
        try:
            with closing(BatchClient(base_url, arguments.api_key or _variable("API_KEY"))) as client:
                well = action(arguments, client)
        except KeyboardInterrupt:
            sys.exit("managed-files: interrupted")
        except BrokenPipeError:
            well = False
        sys.exit(0 if well else 1)

    return run


def _submit(arguments: argparse.Namespace, client: BatchClient) -> bool:
    order = {
        "endpoint": arguments.endpoint,
        "completion_window": arguments.window,
        "metadata": dict(arguments.metadata) or None,
        "model": arguments.model if arguments.file or arguments.targets else None,
        "webhook_url": arguments.webhook_url,
    }
    order = {name: value for name, value in order.items() if value is not None}
    name = _filename(arguments)
    batch_id = actions.submit(client, _source(arguments), name, arguments.targets, order)
    _print(batch_id)
    return not arguments.watch or actions.completed(client, batch_id, arguments.interval)


def _status(arguments: argparse.Namespace, client: BatchClient) -> bool:
    batch = client.batch(arguments.id)
    _print(json.dumps(batch, ensure_ascii=False) if arguments.json else explained(batch))
    return True


def _watch(arguments: argparse.Namespace, client: BatchClient) -> bool:
    return actions.completed(client, arguments.id, arguments.interval)


def _fetch(arguments: argparse.Namespace, client: BatchClient) -> bool:
    actions.fetch(client, arguments.id, arguments.output, arguments.errors)
    return True


def _source(arguments: argparse.Namespace) -> AbstractContextManager[tuple[BinaryIO, int]]:
    if arguments.csv is not None:
        return disk.gathered(lines(arguments.csv, _recipe(arguments)))
    for name in ("prompt", "system", "id_column", "set"):
        if getattr(arguments, name):
            raise InvalidRequest(f"--{name.replace('_', '-')} goes with --csv only.")
    return disk.read(arguments.file)


def _recipe(arguments: argparse.Namespace) -> Recipe:
    if arguments.prompt is None or arguments.model is None:
        raise InvalidRequest("--csv needs --prompt and --model.")
    if arguments.endpoint != CHAT:
        raise InvalidRequest(f"--csv makes lines for {CHAT} only.")
    system = None if arguments.system is None else Template(arguments.system)
    return Recipe(arguments.model, Template(arguments.prompt), system, arguments.id_column, dict(arguments.set))


def _filename(arguments: argparse.Namespace) -> str:
    """What the file of lines is called at the gateway."""
    if arguments.csv is not None:
        return f"{arguments.csv.stem}.jsonl"
    return "stdin" if str(arguments.file) == "-" else str(arguments.file.name)


def _print(text: str) -> None:
    with disk.written(None) as output:
        output.write(f"{text}\n".encode())


def _variable(name: str) -> str | None:
    return os.environ.get(f"MANAGED_FILES_{name}") or os.environ.get(f"OPENAI_{name}")
