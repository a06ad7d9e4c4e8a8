"""AWS's Security Token Service: roles. Source: STS's API, version 2011-06-15."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from managed_files.sandbox.sigv4 import BadSignature, Key, check
from managed_files.sandbox.wire import Refused, Reply, Request

_XMLNS = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'


class Roles:
    """`keys` grow by a temporary one with every role that is assumed; it lasts `life`."""

    def __init__(self, keys: dict[str, Key], roles: Collection[str], region: str):
        self._keys = keys
        self._roles = roles
        self._region = region
        self.life = timedelta(hours=1)

    def assume(self, request: Request) -> Reply:
        """`POST /` with a form."""
        body = request.body.all()
        try:
            check(request, self._keys, self._region, "sts", hashlib.sha256(body).hexdigest())
        except BadSignature as bad:
            raise _refused(403, "SignatureDoesNotMatch", f"The signature is not right: {bad.reason}.") from bad
        asked = dict(parse_qsl(body.decode()))
        if (asked.get("Action"), asked.get("Version")) != ("AssumeRole", "2011-06-15"):
            raise _refused(400, "InvalidAction", "Could not find operation for this action and version.")
        if asked.get("RoleArn") not in self._roles or not asked.get("RoleSessionName"):
            raise _refused(403, "AccessDenied", "The user is not authorized to perform: sts:AssumeRole on this role.")
        return self._granted()

    def _granted(self) -> Reply:
        key, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_urlsafe(90)
        end = datetime.now(UTC) + self.life
        self._keys[key] = Key(secret, token, end)
        told = {
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        fields = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in told.items())
        result = f"<AssumeRoleResult><Credentials>{fields}</Credentials></AssumeRoleResult>"
        body = f"<AssumeRoleResponse {_XMLNS}>{result}</AssumeRoleResponse>"
        return Reply(200, body.encode(), {"Content-Type": "text/xml"})


def _refused(status: int, code: str, message: str) -> Refused:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f"<ErrorResponse {_XMLNS}>{error}<RequestId>{secrets.token_hex(8)}</RequestId></ErrorResponse>"
    return Refused(Reply(status, body.encode(), {"Content-Type": "text/xml"}))
