"""The APIs of curation over gRPC."""
