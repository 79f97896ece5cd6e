"""The hop between gRPC and ingest: protobuf to domain and back, nothing else."""

from services.ingest.servicer.ingest import IngestServicer

__all__ = ["IngestServicer"]
