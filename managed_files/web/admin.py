"""The routes of /key: admins make, list and revoke API keys. LiteLLM's paths and field names."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from marshmallow import Schema, ValidationError, fields, pre_load, validate

from managed_files.database import Row
from managed_files.errors import InvalidRequest, NotFound
from managed_files.keys import KeyRepository, NewKey, digest_of, seconds_of
from managed_files.records import Caller
from managed_files.web.auth import Authenticator
from managed_files.web.bodies import small_object
from managed_files.web.checks import checked

# LiteLLM's fields that limit a key, or choose its text. A limit that does not hold is worse than none.
_CANNOT_HOLD = frozenset(
    [
        "allowed_routes",
        "blocked",
        "budget_id",
        "budget_limits",
        "end_user_budget_id",
        "enforced_params",
        "guardrails",
        "key",
        "max_budget",
        "max_parallel_requests",
        "mcp_rpm_limit",
        "model_max_budget",
        "model_rpm_limit",
        "model_tpm_limit",
        "object_permission",
        "policies",
        "rpm_limit",
        "soft_budget",
        "tag_rpm_limit",
        "tpd_limit",
        "tpm_limit",
    ]
)


class NullsAreAbsent(Schema):
    """LiteLLM's clients send null for whatever they leave out."""

    @pre_load
    def drop(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Without the nulls."""
        return {name: value for name, value in data.items() if value is not None}


class GenerateRequest(NullsAreAbsent):
    """Body of /key/generate. `duration`: `30s`, `15m`, `12h`, `30d`; absent for ever.

    `key_type`: LiteLLM's others are kept to fewer routes than a key of this gateway.
    """

    user_id = fields.String(load_default="default_user_id", validate=validate.Length(1, 200))
    team_id = fields.String(load_default=None, validate=validate.Length(1, 200))
    key_alias = fields.String(load_default=None)
    models = fields.List(fields.String(), load_default=list)
    duration = fields.String(load_default=None)
    metadata = fields.Dict(load_default=dict)
    admin = fields.Boolean(load_default=False)
    key_type = fields.String(validate=validate.OneOf(("default", "llm_api")))

    @pre_load
    def refuse(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """What nothing here would keep to. What limits nothing many clients always send; a budget of 0 does limit."""
        for name in data.keys() & _CANNOT_HOLD:
            if data[name] is not False and data[name] not in (None, "", [], {}):
                raise ValidationError({name: ["This gateway would not keep to it. Leave it out."]})
        return data


class DeleteRequest(NullsAreAbsent):
    """Body of /key/delete: keys or their tokens, or aliases."""

    keys = fields.List(fields.String(), load_default=list)
    key_aliases = fields.List(fields.String(), load_default=list)


class ListQuery(Schema):
    """Query of /key/list."""

    user_id = fields.String(load_default=None)
    page = fields.Integer(load_default=1, validate=validate.Range(min=1))
    size = fields.Integer(load_default=100, validate=validate.Range(1, 1000))


def blueprint(auth: Authenticator, keys: KeyRepository) -> Blueprint:
    """POST /key/generate, /key/delete; GET /key/info, /key/list."""
    routes = Blueprint("admin", __name__)

    @routes.post("/key/generate")
    @auth.admin
    def generate(caller: Caller) -> Response:
        key, row = keys.create(_wanted(small_object()), caller.user_id)
        return jsonify({"key": key} | _shape(row))

    @routes.post("/key/delete")
    @auth.admin
    def delete(caller: Caller) -> Response:
        revoked = keys.revoke(*_named(small_object()), caller.user_id)
        if not revoked:
            raise NotFound("None of these keys is alive.", param="keys")
        return jsonify(deleted_keys=revoked)

    @routes.get("/key/info")
    @auth.required
    def info(caller: Caller) -> Response:
        """Any key may ask about itself; admins about every key. For others another key does not exist."""
        own, named = auth.credentials().digest, request.args.get("key")
        wanted = digest_of(named) if named else own
        rows = keys.page(key_digest=wanted, limit=1) if caller.admin or wanted == own else []
        if not rows:
            raise NotFound("There is no such key in the table of keys.", param="key")
        return jsonify(key=rows[0]["token"], info=_shape(rows[0]))

    @routes.get("/key/list")
    @auth.admin
    def index(caller: Caller) -> Response:
        query = checked(ListQuery(), request.args.to_dict())
        number, size = query["page"], query["size"]
        rows = keys.page(user_id=query["user_id"], limit=size + 1, offset=(number - 1) * size)
        return jsonify(keys=[_shape(row) for row in rows[:size]], current_page=number, has_more=len(rows) > size)

    return routes


def _wanted(body: Any) -> NewKey:
    given = checked(GenerateRequest(), body)
    return NewKey(
        user_id=given["user_id"],
        team_id=given["team_id"],
        models=tuple(given["models"]),
        admin=given["admin"],
        seconds=None if given["duration"] is None else seconds_of(given["duration"]),
        alias=given["key_alias"],
        metadata=given["metadata"],
    )


def _named(body: Any) -> tuple[list[bytes], list[str]]:
    """Digests and aliases of the keys to delete."""
    given = checked(DeleteRequest(), body)
    if not (given["keys"] or given["key_aliases"]):
        raise InvalidRequest("Name the keys to delete in 'keys' or 'key_aliases'.", param="keys")
    return [digest_of(key) for key in given["keys"]], given["key_aliases"]


def _shape(row: Row) -> dict[str, Any]:
    shape = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
    return shape | {"expires": shape.pop("expires_at"), "blocked": shape.pop("revoked_at") is not None}
