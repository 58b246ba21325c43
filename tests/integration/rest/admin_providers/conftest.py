"""A policy that is active, and staff that may only look."""

import pytest
import time_machine
from django.contrib.auth.models import Permission, User

from tests.integration.rest.admin_providers.pages import NOW
from tests.integration.rest.provider_rows import make_active


@pytest.fixture(autouse=True)
def _policy():
    with time_machine.travel(NOW, tick=False):
        make_active()
        yield


@pytest.fixture
def visitor(client):
    """Staff that may look at everything here, and act on nothing."""
    user = User.objects.create_user("bob", is_staff=True)
    names = ["view_provider", "view_routingpolicy", "view_providerstate", "view_policyversion", "view_reloadattempt"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names, content_type__app_label="providers"))
    client.force_login(user)
    return client
