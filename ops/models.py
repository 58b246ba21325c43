"""Rows of the operator's room. Empty until keys, audit and objectives come."""
