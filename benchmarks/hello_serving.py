"""gunicorn's configuration for the yardstick: the gateway's own settings, without its database and its hooks."""

from managed_files import serving

_DATABASE_HOOKS = ("on_starting", "post_worker_init", "worker_exit")

globals().update({name: value for name, value in vars(serving).items() if name not in (*_DATABASE_HOOKS, "__doc__")})
