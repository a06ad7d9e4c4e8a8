"""The routes of /models: exactly the model groups that this key may use."""

import time
from collections.abc import Sequence

from flask import Blueprint, Response, jsonify

from managed_files.records import Caller, Deployment
from managed_files.services.routing import no_such_model
from managed_files.web.auth import Authenticator
from managed_files.web.shapes import model


def blueprint(auth: Authenticator, deployments: Sequence[Deployment]) -> Blueprint:
    """GET /models and /models/<name>; a name may hold slashes."""
    routes = Blueprint("models", __name__)
    groups = list(dict.fromkeys(deployment.model_group for deployment in deployments))
    created = int(time.time())

    @routes.get("/models")
    @auth.required
    def index(caller: Caller) -> Response:
        usable = [model(group, created) for group in groups if caller.may_use(group)]
        return jsonify(object="list", data=usable)

    @routes.get("/models/<path:name>")
    @auth.required
    def retrieve(caller: Caller, name: str) -> Response:
        if name not in groups or not caller.may_use(name):
            raise no_such_model(name)
        return jsonify(model(name, created))

    return routes
