#!lua flags=allow-oom
-- Run on every new connection, on a server without memory left too, so that it can still be read.
--
-- KEYS: schema. ARGV: the schema version of this Sluice.
-- Replies with the schema version of what is stored, which is ours where nothing is.

redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
