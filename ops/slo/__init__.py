"""Objectives: what share of series is behind, watched by a monitor that runs once in the whole fleet."""
