#!lua
-- Applies one transaction to one partition, all or nothing. Redis runs a script without interruption
-- and writes its changes to the append-only file as one MULTI … EXEC, which a restart replays or drops
-- as a whole. Because of the first line, Redis rejects it before it starts when memory is exhausted.
--
-- KEYS: entries (key → "revision value"), index (the keys, ordered), counters (name → number, and
--       "" → the last revision), ring (slot → "number sending outcome"), and three for each
--       distinct count: registers of an earlier Sluice, registers, and the set of its hashes.
-- ARGV: the number of the transaction among this writer's, its slot in the ring, how often it was
--       sent before, the lengths of eight lists, and the lists one after the other.
-- Replies "OK", "SUPERSEDED", {"key", name, its revision} or {"counter", name, its value}.
--
-- Lua's numbers are doubles, exact only below 2^53, so larger numbers stay decimal text.

local entries, index, counters, ring = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local DISTINCT_FROM = 5
local REVISION = ''
local EXACT = 2 ^ 53
local HASH_BYTES = 8
local HASHES_MAX = 100000 -- EXACT_MAX of interface.py
local CHUNK = 2000 -- unpack takes about 8,000 values; even, so that pairs stay together
local RING_SECONDS = 24 * 3600

local number, slot, sending = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- A list is a range of ARGV; commands take its items from there without a copy.
local lists, first = {}, 12
for i = 4, 11 do
  local length = tonumber(ARGV[i])
  lists[#lists + 1] = {first = first, last = first + length - 1}
  first = first + length
end
local checked, revisions, added, deltas, bounds, puts, deletes, hashes = unpack(lists)

local function at(list, i) return ARGV[list.first + i - 1] end

-- Whether decimal text a is greater than b. Compares digits, since Lua compares text by locale.
local function greater(a, b)
  local negative = a:sub(1, 1) == '-'
  if negative ~= (b:sub(1, 1) == '-') then return not negative end
  if negative then a, b = b:sub(2), a:sub(2) end
  if #a ~= #b then return #a > #b end
  local high_a, high_b = tonumber(a:sub(1, 10)), tonumber(b:sub(1, 10))
  if high_a ~= high_b then return high_a > high_b end
  return #a > 10 and tonumber(a:sub(11)) > tonumber(b:sub(11))
end

-- Runs a command with a key and a range of a table as arguments, in chunks.
local function write(command, key, arguments, first, last)
  for from = first, last, CHUNK do
    redis.call(command, key, unpack(arguments, from, math.min(from + CHUNK - 1, last)))
  end
end

local function read(key, fields)
  local values = {}
  for from = fields.first, fields.last, CHUNK do
    local to = math.min(from + CHUNK - 1, fields.last)
    for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV, from, to))) do
      values[#values + 1] = value
    end
  end
  return values
end

-- Records the outcome in the ring, and keeps the ring from expiring while its writer lives.
local function record(outcome)
  redis.call('HSET', ring, slot, number .. ' ' .. sending .. ' ' .. outcome)
  if redis.call('TTL', ring) < RING_SECONDS / 2 then
    redis.call('EXPIRE', ring, RING_SECONDS)
  end
end

-- A conflict is recorded only for a repeated sending, to stop an earlier one that arrives later.
local function conflict(kind, name, actual)
  if sending > 0 then record('refused') end
  return {kind, name, actual}
end

local recorded = redis.call('HGET', ring, slot)
if recorded then
  local other, others_sending, outcome = recorded:match('^(%d+) (%d+) (%a+)$')
  if greater(other, number) then return redis.status_reply('SUPERSEDED') end
  if other == number then
    if outcome == 'applied' then return redis.status_reply('OK') end
    if tonumber(others_sending) >= sending then return redis.status_reply('SUPERSEDED') end
  end
end

for i, stored in ipairs(read(entries, checked)) do
  local revision = stored and stored:match('^%d+') or '0'
  if revision ~= at(revisions, i) then return conflict('key', at(checked, i), revision) end
end

local small, large = {}, {}
for i, stored in ipairs(read(counters, added)) do
  local value, delta, bound = stored or '0', at(deltas, i), at(bounds, i)
  local rises = tonumber(delta) > 0
  if rises and greater(value, bound) or not rises and greater(bound, value) then
    return conflict('counter', at(added, i), value)
  end
  local a, b = tonumber(value), tonumber(delta)
  if math.abs(a) < EXACT and math.abs(b) < EXACT and math.abs(a + b) < EXACT then
    small[#small + 1] = at(added, i)
    small[#small + 1] = string.format('%.0f', a + b)
  else
    large[#large + 1] = i
  end
end

-- No conflict: write everything. Distinct counts come first: if one is damaged and its command fails,
-- hashes already added to others do no harm, because they may be added again.
for i = 1, hashes.last - hashes.first + 1 do
  local packed, items = at(hashes, i), {}
  for from = 1, #packed, HASH_BYTES do
    items[#items + 1] = packed:sub(from, from + HASH_BYTES - 1)
  end
  local key = DISTINCT_FROM + 3 * (i - 1)
  local older, registers, set = KEYS[key], KEYS[key + 1], KEYS[key + 2]
  local is_older = redis.call('EXISTS', older) == 1
  local is_new = redis.call('EXISTS', registers) == 0
  local is_exact = not is_older and (is_new or redis.call('EXISTS', set) == 1)
  write('PFADD', registers, items, 1, #items)
  if is_exact then write('SADD', set, items, 1, #items) end
  if not is_exact or redis.call('SCARD', set) > HASHES_MAX then redis.call('UNLINK', set) end
end

-- One HSET for all sums that are exact in Lua; HINCRBY for the others, one counter per command.
write('HSET', counters, small, 1, #small)
for _, i in ipairs(large) do redis.call('HINCRBY', counters, at(added, i), at(deltas, i)) end

if puts.first <= puts.last then
  local revision = redis.call('HGET', counters, REVISION) .. ' '
  local members = {}
  for i = puts.first, puts.last, 2 do
    members[#members + 1] = 0
    members[#members + 1] = ARGV[i]
    ARGV[i + 1] = revision .. ARGV[i + 1]
  end
  write('HSET', entries, ARGV, puts.first, puts.last)
  write('ZADD', index, members, 1, #members)
end
write('HDEL', entries, ARGV, deletes.first, deletes.last)
write('ZREM', index, ARGV, deletes.first, deletes.last)
record('applied')
return redis.status_reply('OK')
