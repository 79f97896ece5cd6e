"""`make demo`: Sluice finds hard frames among 1,797 real ones, explains and accounts for them."""
