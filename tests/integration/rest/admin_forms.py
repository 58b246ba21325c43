"""What a browser sends back of the admin's forms."""

NO_INLINES = {f"{name}-{kind}_FORMS": 0 for name in ("series", "quote_series") for kind in ("TOTAL", "INITIAL")}
"""Of an instrument's page, whose two tables of series are left as they are."""


def form_of(response) -> dict[str, object]:
    """What a browser would send back of a change form."""
    form = response.context["adminform"].form
    values = {}
    for bound in form:
        value = bound.value()
        if isinstance(value, bool):
            values |= {bound.html_name: "on"} if value else {}
        else:
            values[bound.html_name] = "" if value is None else value
        if bound.field.show_hidden_initial:
            values[bound.html_initial_name] = values.get(bound.html_name, "")
    return values
