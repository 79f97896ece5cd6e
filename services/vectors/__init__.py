"""The vector store: embeddings and the searchable projection of samples."""
