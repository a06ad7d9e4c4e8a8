"""A master key that anybody would try first, on an address that others reach: the start says so, loudly."""

import pytest

from managed_files.serving import warn_about_keys

LONG = "sk-0123456789abc"


@pytest.mark.parametrize(
    ("key", "host", "warned"),
    [
        ("sk-1234", "0.0.0.0", True),  # noqa: S104 - nothing binds here
        ("sk-1234", "::", True),
        ("sk-1234", "10.0.0.7", True),
        ("sk-1234", "127.0.0.1", False),
        ("sk-1234", "localhost", False),
        ("sk-1234", "::1", False),
        (LONG, "0.0.0.0", False),  # noqa: S104 - nothing binds here
        (LONG[:-1], "0.0.0.0", True),  # noqa: S104 - nothing binds here
    ],
)
def test_a_weak_master_key_is_warned_of_where_others_reach_it(
    key: str, host: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warn_about_keys(key, [(host, 4000)])
    assert ["the master key is weak" in message for message in caplog.messages] == [True] * warned


def test_the_warning_does_not_show_the_key(caplog: pytest.LogCaptureFixture) -> None:
    warn_about_keys("s3cret", [("127.0.0.1", 4000), ("10.0.0.7", 4000)])
    assert (len(caplog.messages), "s3cret" in caplog.text) == (1, False)
