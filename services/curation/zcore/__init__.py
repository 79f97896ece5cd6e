"""ZCore scores: computed apart from the server, and stored in a field of the frames."""
