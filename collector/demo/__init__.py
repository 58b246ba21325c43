"""The universe of `manage.py up`: made-up accounts at simulated vendors and a few instruments of every kind."""
