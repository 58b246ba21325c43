"""What `DATABASE_URL` becomes."""

from typing import Any

from marketdata_site.settings import _database


def _options(url: str) -> dict[str, Any]:
    options = _database(url)["OPTIONS"]
    assert isinstance(options, dict)
    return options


def test_host_that_is_gone_without_a_word_is_given_up_within_a_minute() -> None:
    options = _options("postgresql://user@there/app")
    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 60, "while it reads"
    assert options["tcp_user_timeout"] <= 30_000, "while it sends: kernels look when they try again, at twice the time at worst"
    assert options["connect_timeout"] <= 60


def test_options_of_the_url_go_before_ours() -> None:
    options = _options("postgresql://user@there/app?tcp_user_timeout=5000&sslmode=require")
    assert (options["tcp_user_timeout"], options["sslmode"]) == ("5000", "require")
