"""What `bench_feed` is made of: the feed beside other ways to bring the same messages to many WebSocket clients.

    messages.py    a bar as the feed sends it, the symbols that a client watches, and how one is published to each kind of server
    writing.py     real bars, committed as a worker commits them
    servers.py     the servers that are compared, each a process of its own; serve_*.py are the programs of those that are not ours
    client.py      one light client, and marks.py what it looks for; crowd.py the process that holds many of them, and how it is started
    bursts.py, latencies.py, sizes.py     what is measured of one server: deliveries a second; time; bytes and memory

Every server gets the same clients from the same process. Numbers of one run can be compared with each other; those of two runs, or of
two machines, can not. Where a machine is busy with other things, the servers' CPU a delivery says more than deliveries a second.
"""
