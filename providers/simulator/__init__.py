"""Vendors over real HTTP in their own wire formats, fed by recorded or synthetic bars, with scripted faults.

    wire/       one file a vendor: its paths, parameters, bodies, errors and headers; pure
    source.py   where bars come from: recorded.py (a data folder), synthetic.py (from a seed); universe.py symbol → calendar
    faults.py   what goes wrong, when and how often; damage.py what that does to rows, delivery.py to bytes
    server.py   the HTTP server; control.py its /_control endpoint; launch.py starts it for tests and benchmarks

To add a vendor: write one file in `wire/` and name its class in `wire.WIRE_FORMATS`. The simulator needs neither Django's
settings nor a database: `python -m providers.simulator --port 0 --synthetic`.
"""
