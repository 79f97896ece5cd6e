#!lua flags=allow-oom
-- Runs on every new connection, also when memory is exhausted, so that entries can still be read.
--
-- KEYS: schema. ARGV: the schema version of this Sluice.
-- Replies with the schema version of the stored data; an empty database gets the one of ARGV.

redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
