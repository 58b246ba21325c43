"""The admin's pages about providers."""

from django.urls import reverse

from providers.models import (
    ProviderState,
)
from tests.integration.rest.provider_rows import BARS
from tests.integration.rest.rows import at

NOW = at("2024-10-08 15:06:40")
FIRST = "1728400000"
STATES = "admin:providers_providerstate_changelist"
VERSIONS = "admin:providers_policyversion_changelist"


def page(client, name: str, *args: object, **query: str) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def state(provider: str = "polygon") -> ProviderState:
    return ProviderState.objects.get(provider__name=provider, capability=BARS)


def act(client, word: str, **form: str):
    return client.post(reverse(f"admin:providers_{word}", args=["polygon", BARS]), form)
