"""API keys: what they may, how they are made, and who is let in by one. `ops.auth` decides about whole requests."""
