"""The vector store of a cluster."""
