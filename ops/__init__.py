"""Who runs it: everything under /ops, keys, audit, objectives, the console. May import `collector` and `providers`."""
