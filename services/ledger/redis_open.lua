#!lua flags=allow-oom
-- Run on every new connection, on a server without memory left too, so that it can still be read.
--
-- KEYS: schema, flushed. ARGV: the schema version of this Sluice.
-- Replies with the schema version of what is stored, which is ours where nothing is.

redis.call('SET', KEYS[1], ARGV[1], 'NX')
-- A server that was killed reads back what it had not flushed yet. Nothing may be answered from
-- that before a write has flushed the file, as this one does before its reply.
redis.call('SET', KEYS[2], 1)
return redis.call('GET', KEYS[1])
