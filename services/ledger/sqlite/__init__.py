"""The ledger of the embedded form."""
