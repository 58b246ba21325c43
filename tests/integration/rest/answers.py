"""What the REST API answers, and a caller from elsewhere."""

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


def ok(response) -> dict:
    assert response.status_code == 200, response.content
    return response.json()


def refusal(response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]
