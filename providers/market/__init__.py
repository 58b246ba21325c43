"""The field's vocabulary, pure: types, calendar, grid. No Django, no clock, no sockets."""
