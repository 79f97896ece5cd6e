"""The vector store of the embedded form."""
