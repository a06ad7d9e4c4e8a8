"""Which of the named deployments an upload goes to."""

import pytest

from managed_files.errors import InvalidRequest
from managed_files.records import Account, Deployment
from managed_files.services.files import storing


def deployment(group: str, provider: str) -> Deployment:
    return Deployment(group, f"{provider}/m", "m", Account(provider, provider, {}), {})


OPENAI, GROQ, ALONE = deployment("mixed", "openai"), deployment("mixed", "groq"), deployment("alone", "groq")
STORES = {"openai": True, "groq": False}


def test_a_mixed_group_is_stored_where_it_can_be() -> None:
    assert storing([OPENAI, GROQ], STORES) == [OPENAI]


def test_a_group_that_stores_nothing_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="alone is served by groq, which stores no files"):
        storing([OPENAI, ALONE], STORES)
