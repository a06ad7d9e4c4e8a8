"""Unified ids: opaque, not guessable, safe in a URL. Knows nothing of providers."""

import re
import secrets
import string

FILE_ID_PREFIX = "file-mf-"
BATCH_ID_PREFIX = "batch_mf"
PART_ID_PREFIX = "part-"
_ALPHABET = string.ascii_letters + string.digits
_SMALL = string.ascii_lowercase + string.digits
_LENGTH = 32  # of 62 letters: 190 bits
_FILE_ID = re.compile(rf"{FILE_ID_PREFIX}[A-Za-z0-9]{{{_LENGTH}}}")


def new_file_id() -> str:
    """`file-mf-` and 32 random letters and digits: 40 characters. OpenAI's own ids hold no second dash."""
    return FILE_ID_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def new_batch_id() -> str:
    """`batch_mf` and 32 random letters and digits: 40 characters."""
    return BATCH_ID_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def new_part_id() -> str:
    """`part-` and 32 random small letters and digits (165 bits), for every provider takes those in a name."""
    return PART_ID_PREFIX + "".join(secrets.choice(_SMALL) for _ in range(_LENGTH))


def name_mark(file_id: str) -> str:
    """How a copy's name begins at a provider where it is found again by that.

    Not with the id itself: models see the name and say it, and the chat that goes on from such an answer would be
    refused, as it is for ids of ours in a text.
    """
    return f"mf_{file_id.removeprefix(FILE_ID_PREFIX)}_"


def is_file_id(text: str) -> bool:
    """Whether the whole text has the shape of one of our ids (it need not exist)."""
    return _FILE_ID.fullmatch(text) is not None


def file_ids_in(text: str) -> list[str]:
    """Every id of ours that stands anywhere in the text."""
    return _FILE_ID.findall(text) if FILE_ID_PREFIX in text else []
