"""Sluice's client: what an edge device needs to find the frames worth labelling."""

__version__ = "0.1.0"
