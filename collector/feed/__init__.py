"""The feed: what changed, once, in order, to everybody who asked for it.

publisher puts a write's batch into the ring → hub reads the ring, once a process → subscribers, one a connection.
Behind the ring stand the `FeedBatch` rows. docs/feed.md is the protocol's specification.

Pure: position, limits, subscriptions, protocol, batches. Valkey: ring. Postgres: log. Both: history, replay, publisher.
"""
