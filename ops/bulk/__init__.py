"""Requeueing and discarding dead letters by the thousand: previewed, started, carried out in chunks by ticks, paused and cancelled.

Postgres holds all of it. A tick may be lost, doubled or killed: each job counts once all the same.
"""
