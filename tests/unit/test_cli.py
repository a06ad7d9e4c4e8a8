"""What an operator types: what is refused before any command runs, and addresses as people write them."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from managed_files import cli, demo


def serving() -> dict[str, Any]:
    """gunicorn's settings in the environment of this moment."""
    return runpy.run_path(str(Path(cli.__file__).with_name("serving.py")))


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["--threads", "0"], ["--port", "70000"], ["--port", "x"]])
def test_a_number_that_cannot_be_served_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert (ended.value.code, f"argument {arguments[0]}" in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("host", "bind"), [("127.0.0.1", "127.0.0.1:4000"), ("::1", "[::1]:4000"), ("[::1]", "[::1]:4000"), ("", ":4000")]
)
def test_an_address_of_ipv6_needs_no_brackets(host: str, bind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANAGED_FILES_HOST", host)
    assert serving()["bind"] == [bind]


@pytest.mark.parametrize("text", ["0", "-1", "two", "1000000"])
@pytest.mark.parametrize("variable", ["MANAGED_FILES_WORKERS", "MANAGED_FILES_THREADS"])
def test_a_number_of_the_environment_that_cannot_be_served_is_named(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ValueError, match=f"{variable} has to be a number from 1 to 99999, not '{text}'"):
        serving()


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "WORKERS", "THREADS"):
        monkeypatch.setenv(f"MANAGED_FILES_{name}", "")
    found = serving()
    assert (found["bind"], found["workers"], found["threads"]) == (["127.0.0.1:4000"], 1, 1024)


def test_what_runs_has_the_half_minute_that_the_readme_promises() -> None:
    assert serving()["graceful_timeout"] == 30


def test_a_demo_takes_no_configuration_as_it_would_not_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["demo", "--config", "config.yaml"])
    assert (end.value.code, "unrecognized arguments: --config" in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - nothing binds here
        ("", "127.0.0.1"),
        ("::", "[::1]"),
        ("[::]", "[::1]"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
    ],
)
def test_a_demo_prints_an_address_that_can_be_pasted(host: str, address: str) -> None:
    assert demo.reachable(host) == address
