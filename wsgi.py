"""The WSGI entry point: `gunicorn -c python:managed_files.serving wsgi:application`."""

from app import create_app

application = create_app()
