"""The routes of /batches. Reads, calls, shapes, returns."""

from flask import Blueprint, Response, jsonify, request
from marshmallow import Schema, fields, validate

from managed_files.records import Caller
from managed_files.services.batches.batches import Batches
from managed_files.services.batches.requests import BatchRequest
from managed_files.upload_fields import MAX_EXPIRY, MIN_EXPIRY
from managed_files.web.auth import Authenticator
from managed_files.web.bodies import small_object
from managed_files.web.checks import checked, idempotency_key
from managed_files.web.shapes import batch_object, page

_STATUSES = (
    "validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled",
)  # fmt: skip


class Expiry(Schema):
    """`output_expires_after`."""

    anchor = fields.String(required=True, validate=validate.Equal("created_at"))
    seconds = fields.Integer(required=True, strict=True, validate=validate.Range(MIN_EXPIRY, MAX_EXPIRY))


class NewBatchBody(Schema):
    """Body of POST /batches."""

    input_file_id = fields.String(required=True)
    endpoint = fields.String(required=True)
    completion_window = fields.String(required=True)
    metadata = fields.Dict(
        keys=fields.String(validate=validate.Length(max=64)),
        values=fields.String(validate=validate.Length(max=512)),
        validate=validate.Length(max=16, error="At most 16 pairs."),
        allow_none=True,
    )
    output_expires_after = fields.Nested(Expiry, allow_none=True)
    model = fields.String(allow_none=True)
    webhook_url = fields.String(allow_none=True)


class ListQuery(Schema):
    """Query of GET /batches; empty values count as absent, as SDKs send them so."""

    after = fields.String(load_default=None)
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))
    status = fields.String(load_default=None, validate=validate.OneOf(_STATUSES))


def blueprint(auth: Authenticator, batches: Batches) -> Blueprint:
    """POST, GET /batches; GET /batches/<id>; POST …/cancel, …/retry."""
    routes = Blueprint("batches", __name__)

    @routes.post("/batches")
    @auth.required
    def create(caller: Caller) -> Response:
        return jsonify(batch_object(batches.create(caller, _body(), idempotency_key(request.headers))))

    @routes.get("/batches")
    @auth.required
    def index(caller: Caller) -> Response:
        query = checked(ListQuery(), {name: value for name, value in request.args.items() if value != ""})
        found, has_more = batches.page(caller, **query)
        return jsonify(page([batch_object(batch) for batch in found], has_more))

    @routes.get("/batches/<batch_id>")
    @auth.required
    def retrieve(caller: Caller, batch_id: str) -> Response:
        return jsonify(batch_object(batches.get(caller, batch_id)))

    @routes.post("/batches/<batch_id>/cancel")
    @auth.required
    def cancel(caller: Caller, batch_id: str) -> Response:
        return jsonify(batch_object(batches.cancel(caller, batch_id)))

    @routes.post("/batches/<batch_id>/retry")
    @auth.required
    def retry(caller: Caller, batch_id: str) -> Response:
        return jsonify(batch_object(batches.retry(caller, batch_id, idempotency_key(request.headers))))

    return routes


def _body() -> BatchRequest:
    body = checked(NewBatchBody(), small_object())
    expiry = body.pop("output_expires_after", None)
    return BatchRequest(**body, output_expires_after=expiry and expiry["seconds"])
