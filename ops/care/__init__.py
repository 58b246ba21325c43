"""Keeping tables in bounds: what is kept for how long, partitions made ahead, what is past its age dropped. docs/retention.md is its table."""
