"""What we hold and what is missing. Imports `providers`, never `ops`."""
