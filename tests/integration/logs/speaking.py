"""Tasks that say something, for workers that are started with `--include`."""

import logging
import warnings

from celery import shared_task

log = logging.getLogger("tests.speaking")


@shared_task(name="tests.speak")
def speak(text: str, *, then: str | None = None) -> None:
    """Say it; then let another task say something, or die of `then`'s being `raise`."""
    log.info("said %s", text, extra={"action": "spoken", "text": text})
    if then == "raise":
        raise ValueError(f"no more of https://x.io/?apikey={text}")
    if then == "warn":
        warnings.warn(f"token={text}", stacklevel=1)
    elif then is not None:
        speak.apply_async([then], queue="speak")
