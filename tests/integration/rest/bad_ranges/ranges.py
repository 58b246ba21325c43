"""Ten minutes of New York, four of them bad, and how they are declared so."""

from providers.market.days import day_of
from tests.builders import minutes, moment, us

SLOTS = minutes(us("2025-10-08 14:00"), 10)
BAD = SLOTS[2:6]
RANGE = {"start": "2025-10-08T14:02:00Z", "end": "2025-10-08T14:06:00Z"}
SESSION = day_of(moment("2025-10-08 00:00").date())


def post(client, status=200, **parameters):
    query = "&".join(
        f"{name}={value}" for name, value in {"symbol": "AAPL", "reason": "bad+prints", **RANGE, **parameters}.items()
    )
    response = client.post(f"/ops/ranges/invalidate?{query}")
    assert response.status_code == status, response.content
    return response.json()
