"""Webhook signatures: the specification's own example, and secrets that are none."""

import base64

import pytest

from managed_files.webhook_signature import key_of, signed

# The example of the Standard Webhooks specification's libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')


def test_the_specifications_example() -> None:
    assert signed(key_of(SECRET), *MESSAGE) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("size", [24, 64])
def test_a_key_has_24_to_64_bytes(size: int) -> None:
    key = bytes(range(size))
    assert key_of("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "it does not begin with whsec_"),
        (SECRET.removeprefix("whsec_"), "it does not begin with whsec_"),
        ("whsec_", "it holds 0 bytes and not 24 to 64"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "it holds 23 bytes and not 24 to 64"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "it holds 65 bytes and not 24 to 64"),
        (SECRET + "A", "what follows whsec_ is not base64"),
        (SECRET.replace("9", "-"), "what follows whsec_ is not base64"),
        (SECRET + "ü", "what follows whsec_ is not base64"),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(secret: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        key_of(secret)
