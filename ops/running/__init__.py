"""Running the whole service on one machine: which programs there are, who keeps them alive, what the log looks like."""
