"""The transactional store: one interface, one conformance suite, several implementations."""
