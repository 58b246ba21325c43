"""The ground floor: clock, logging, tracing helpers. Imports nothing of ours; everyone may import it."""
