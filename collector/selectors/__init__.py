"""Reads that cross models, one file a noun; they change nothing and take `now` as an argument."""
