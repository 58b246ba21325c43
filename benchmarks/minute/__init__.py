"""What `bench_minute` is made of: the service as `up` runs it, on the benchmark's own servers, and somebody at the end of its feed.

service.py     `up` and simulated vendors, one clock for all of them that can be moved on, and the processes' memory
universe.py    the rows: one provider, its policy, and so many symbols
client.py      one client with nothing but the `websockets` library, in a process of its own, and how it is started and heard
"""
