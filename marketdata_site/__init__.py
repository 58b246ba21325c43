"""The composition root: settings, URLs, ASGI, Celery. Nothing of ours imports it, but for `observability`."""
