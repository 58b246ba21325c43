"""What a worker does before it forks."""

import gc

import pytest
from celery.signals import worker_init

from collector import tasks  # noqa: F401  what it connects is what is tested
from collector.models import Tier


@pytest.fixture
def unfrozen():
    gc.unfreeze()
    yield
    gc.unfreeze()


@pytest.mark.django_db(transaction=True)
def test_what_a_worker_has_read_and_imported_is_set_aside_before_it_forks(unfrozen):
    worker_init.send(sender=None)
    assert not any(one is Tier for one in gc.get_objects())
    assert gc.get_freeze_count() > 10_000
