"""Real deep embeddings for the quality benchmark: models and data that packages carry.

`python -m bench.embed FOLDER DATA` runs in an environment of its own (`make bench` builds it).
"""
