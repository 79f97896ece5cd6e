"""ZCore scores: computed in a child process, and stored in a field of frames."""
