"""Purpose, targets and expiry of an upload, as fields and as query parameters."""

import pytest

from managed_files.errors import InvalidRequest
from managed_files.records import FormField
from managed_files.upload_fields import UploadFields, parse_fields

ANCHOR, SECONDS = "expires_after[anchor]", "expires_after[seconds]"


def fields(*pairs: tuple[str, str]) -> list[FormField]:
    return [FormField(name, value) for name, value in pairs]


def test_everything_at_once() -> None:
    given = fields(("purpose", "batch"), ("target_model_names", "a"), (ANCHOR, "created_at"), (SECONDS, "3600"))
    assert parse_fields(given, {}) == UploadFields("batch", ("a",), 3600)


def test_query_parameters_count_as_fields() -> None:
    query = {"purpose": ["vision"], "target_model_names": ["b,a", "c"]}
    assert parse_fields(fields(("target_model_names", "a")), query) == UploadFields("vision", ("a", "b", "c"), None)


@pytest.mark.parametrize(
    "pairs",
    [
        [("target_model_names", " a , vertex_ai/b,, a ")],
        [("target_model_names[]", "a"), ("target_model_names[]", "vertex_ai/b")],
        [("target_model_names[0]", "a"), ("target_model_names[1]", "vertex_ai/b")],
        [("target_model_names", "a"), ("target_model_names", "vertex_ai/b")],
        [("target_model_names", '["a", "vertex_ai/b"]')],
    ],
)
def test_every_way_to_name_two_targets(pairs: list[tuple[str, str]]) -> None:
    assert parse_fields(fields(("purpose", "vision"), *pairs), {}).targets == ("a", "vertex_ai/b")


@pytest.mark.parametrize("pairs", [[], [(ANCHOR, "created_at")], [(SECONDS, "3600")]])
def test_what_is_missing_may_still_come(pairs: list[tuple[str, str]]) -> None:
    assert parse_fields(fields(*pairs), {}, complete=False) == UploadFields(None, (), None)


@pytest.mark.parametrize(
    ("pairs", "param"),
    [
        ([("purpose", "")], "purpose"),
        ([("purpose", "batch_output")], "purpose"),
        ([("purpose", "batch"), ("purpose", "vision")], "purpose"),
        ([("target_model_names", '["a"')], "target_model_names"),
        ([("target_model_names", "[1]")], "target_model_names"),
        ([("target_model_names", "[" * 60_000)], "target_model_names"),
        ([("expires_after", "3600")], "expires_after"),
        ([(ANCHOR, "now"), (SECONDS, "3600")], ANCHOR),
        *[
            ([(ANCHOR, "created_at"), (SECONDS, seconds)], SECONDS)
            for seconds in ("3599", "2592001", "1e4", "٣٦٠٠", "")
        ],
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_wrong_is_refused_before_the_form_is_complete(pairs: list[tuple[str, str]], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_fields(fields(*pairs), {}, complete=False)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("pairs", "param"), [([], "purpose"), ([(ANCHOR, "created_at")], SECONDS), ([(SECONDS, "3600")], ANCHOR)]
)
def test_what_is_missing_is_refused_at_the_end(pairs: list[tuple[str, str]], param: str) -> None:
    purpose = fields(("purpose", "vision")) if pairs else []
    with pytest.raises(InvalidRequest) as caught:
        parse_fields(purpose + fields(*pairs), {})
    assert caught.value.param == param
