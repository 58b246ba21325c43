"""Who comes to the pages."""

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def operator(client):
    """Django's test client with ada signed in, who may do everything."""
    client.force_login(User.objects.create_superuser("ada"))
    return client
