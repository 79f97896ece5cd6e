#!lua flags=no-writes
-- Reads one page of a partition's entries, in one consistent read.
--
-- KEYS: entries, index. ARGV: the bounds of the keys as ZRANGE … BYLEX takes them, and a limit.
-- Replies with the keys, ordered by their bytes, and their stored "revision value" texts.

local CHUNK = 2000 -- unpack takes about 8,000 values

local keys = redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])
local values = {}
for first = 1, #keys, CHUNK do
  local last = math.min(first + CHUNK - 1, #keys)
  for _, value in ipairs(redis.call('HMGET', KEYS[1], unpack(keys, first, last))) do
    values[#values + 1] = value
  end
end
return {keys, values}
