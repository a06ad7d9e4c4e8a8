"""Amazon's own client, pointed at the stand-in."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from managed_files.sandbox.bedrock import DEFAULT_KEY, DEFAULT_SECRET, BedrockSandbox


def client(server: BedrockSandbox, service: str, **changes: Any) -> Any:
    """Amazon's client, which must find nothing of this machine's own configuration."""
    known = {
        "endpoint_url": server.url,
        "region_name": server.region,
        "aws_access_key_id": DEFAULT_KEY,
        "aws_secret_access_key": DEFAULT_SECRET,
        "config": Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    }
    return boto3.client(service, **{**known, **changes})


def refusal(act: Any, **arguments: Any) -> tuple[int, str]:
    """Status and code of the error that the call has to end with."""
    with pytest.raises(ClientError) as caught:
        act(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
