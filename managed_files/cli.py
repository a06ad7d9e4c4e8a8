"""The commands: serve (the default), demo, migrate, reconcile, keys, batches.

The gateway's parts are imported only by those that use them: that takes half a second.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from managed_files import __version__, demo, interrupts, launch
from managed_files.batch_cli import arguments as batches
from managed_files.errors import GatewayError


def main(argv: Sequence[str] | None = None) -> None:
    """Runs one command. A mistake ends it with one line: status 2 for an unknown option, else 1."""
    command = _with_default_command(sys.argv[1:] if argv is None else list(argv))
    arguments = _parser().parse_args(command)
    if command[0] != "batches":  # those have nothing to stop, and words of their own for Ctrl-C
        interrupts.end_in_order()
    if arguments.config:
        os.environ["MANAGED_FILES_CONFIG"] = str(Path(arguments.config).resolve())
    if arguments.data_dir:
        os.environ["MANAGED_FILES_DATA_DIR"] = str(Path(arguments.data_dir).resolve())
    try:
        arguments.run(arguments)
    except GatewayError as error:
        sys.exit(f"managed-files: {error.message}")


def _with_default_command(argv: list[str]) -> list[str]:
    if (argv[:1] and argv[0] in ("serve", "demo", "migrate", "reconcile", "keys", "batches")) or {
        "-h",
        "--help",
        "--version",
    } & set(argv):
        return argv
    return ["serve", *argv]


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data-dir", metavar="FOLDER", help="folder of the embedded database (default: .managed-files)"
    )
    common.add_argument("--config", metavar="FILE", help="configuration file (default: config.yaml)")
    listen = argparse.ArgumentParser(add_help=False)
    listen.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    listen.add_argument("--port", type=_port, default=4000, help="port to listen on (default: %(default)s)")
    listen.add_argument("--workers", type=_count, default=1, help="processes (default: %(default)s)")
    listen.add_argument("--threads", type=_count, default=1024, help="requests at once a worker (default: %(default)s)")
    parser = argparse.ArgumentParser(prog="managed_files", description="One file id for every LLM provider.")
    parser.add_argument("--version", action="version", version=__version__)
    names = parser.add_subparsers(required=True)
    names.add_parser("serve", parents=[common, listen], help="serve (the default)").set_defaults(run=_serve)
    sandboxed = names.add_parser("demo", parents=[listen], help="serve with sandbox providers, no account needed")
    sandboxed.add_argument(
        "--data-dir", metavar="FOLDER", help="the demo keeps what it has in demo/ there (default: .managed-files)"
    )
    sandboxed.set_defaults(run=_demo, config=None)
    names.add_parser("migrate", parents=[common], help="bring the database up to date").set_defaults(run=_migrate)
    reconcile = names.add_parser("reconcile", parents=[common], help="delete, expire and clean up what is due")
    reconcile.add_argument("--once", action="store_true", required=True, help="one pass, then end")
    reconcile.set_defaults(run=_reconcile)
    _add_keys(names.add_parser("keys", help="make, list and revoke API keys"), common)
    batches.add_to(names.add_parser("batches", help="submit, watch and fetch batches at a running gateway"))
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and len(text) < 6 and int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError("a port is a number up to 65535")


def _count(text: str) -> int:
    """gunicorn would listen with no worker to answer."""
    if text.isdecimal() and len(text) < 6 and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError("a number from 1 to 99999 is needed")


def _add_keys(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True)
    create = actions.add_parser("create", parents=[common], help="make a key and print it once")
    create.add_argument("--user-id", default="default_user_id", help="owner (default: %(default)s)")
    create.add_argument("--team-id")
    create.add_argument("--alias")
    create.add_argument("--models", default="", help="allowed model groups, with commas (default: all)")
    create.add_argument("--duration", help="30s, 15m, 12h, 30d or 2w (default: for ever)")
    create.add_argument("--admin", action="store_true")
    create.set_defaults(run=_create_key)
    listing = actions.add_parser("list", parents=[common], help="print every key's record, one JSON line each")
    listing.add_argument("--user-id")
    listing.set_defaults(run=_list_keys)
    revoke = actions.add_parser("revoke", parents=[common], help="revoke keys at once")
    revoke.add_argument("keys", nargs="+", metavar="KEY", help="a key, its token as listed, or its alias")
    revoke.set_defaults(run=_revoke_keys)


def _serve(arguments: argparse.Namespace) -> None:
    launch.serve(arguments.host, arguments.port, arguments.workers, arguments.threads)


def _demo(arguments: argparse.Namespace) -> None:
    sys.exit(demo.demo(arguments.host, arguments.port, arguments.workers, arguments.threads))


def _migrate(_: argparse.Namespace) -> None:
    from managed_files import commands

    print("\n".join(f"applied {name}" for name in commands.migrate_database()) or "nothing to apply")


def _reconcile(_: argparse.Namespace) -> None:
    from managed_files import commands

    print(json.dumps(commands.reconcile()))


def _create_key(arguments: argparse.Namespace) -> None:
    from managed_files import commands

    key = commands.create_key(
        user_id=arguments.user_id,
        team_id=arguments.team_id,
        alias=arguments.alias,
        models=[name.strip() for name in arguments.models.split(",") if name.strip()],
        duration=arguments.duration,
        admin=arguments.admin,
    )
    print(key)


def _list_keys(arguments: argparse.Namespace) -> None:
    from managed_files import commands

    for row in commands.list_keys(arguments.user_id):
        print(json.dumps(row, default=str))


def _revoke_keys(arguments: argparse.Namespace) -> None:
    from managed_files import commands

    revoked = commands.revoke_keys(arguments.keys)
    if not revoked:
        sys.exit("managed-files: none of these keys is alive")
    print("\n".join(f"revoked {token}" for token in revoked))
