"""AWS's own service model of Converse, as botocore ships it: what the dialect writes and reads is held against it."""

from functools import cache
from typing import Any

from botocore.session import Session
from botocore.validate import ParamValidator

Json = dict[str, Any]


@cache
def _operation() -> Any:
    return Session().get_service_model("bedrock-runtime").operation_model("Converse")


def assert_request(request: Json) -> None:
    """Fails, naming every place, unless botocore would send it."""
    report = ParamValidator().validate({"modelId": "m", **request}, _operation().input_shape)
    assert not report.has_errors(), report.generate_report()


def assert_answer(answer: Json) -> None:
    """The same for what a stand-in, or a test, says that Bedrock answers."""
    report = ParamValidator().validate(answer, _operation().output_shape)
    assert not report.has_errors(), report.generate_report()
