"""`make demo`: Sluice finds hard frames among 1,797 real ones, and explains each."""
