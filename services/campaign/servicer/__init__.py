"""The services of this package over gRPC: protobuf to domain and back, nothing else."""
