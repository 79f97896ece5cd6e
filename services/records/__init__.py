"""Records in the ledger: their encoding, reading, changing and listing."""
