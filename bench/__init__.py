"""Benchmarks: each module prints, as its last line, one JSON object of figure name → number.

A figure is a ratio of two things measured in one run, or a quality, so that it can be compared
between machines. `make bench` runs all of them; `python -m bench.NAME` runs one.
"""
