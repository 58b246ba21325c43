"""How to ask a vendor. Knows nothing of what we hold: imports neither `collector` nor `ops`."""
