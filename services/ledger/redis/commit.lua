#!lua
-- Applies one transaction to one partition, or none of it. Redis runs a script alone, and writes
-- what it changed to the append-only file as one MULTI … EXEC, which a restart replays or drops whole.
-- The first line makes Redis refuse it before it starts, never half way, when memory is exhausted.
--
-- KEYS: entries (key → "revision value"), index (the keys, ordered), counters (name → number, and
--       "" → the last revision), ring (slot → "number sending outcome"), distinct counts…
-- ARGV: the transaction's number with this writer, its slot in the ring, how often it was sent
--       before, then eight lists one after the other, and before them the length of each.
-- Replies "OK", "SUPERSEDED", {"key", name, its revision} or {"counter", name, its value}.
--
-- Lua's numbers are doubles, exact only below 2^53: all that may be larger stays decimal text.

local entries, index, counters, ring = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local DISTINCT_FROM = 5
local REVISION = ''
local EXACT = 2 ^ 53
local HASH_BYTES = 8
local CHUNK = 2000 -- unpack takes about 8,000 values; even, so that pairs stay together
local RING_SECONDS = 24 * 3600

local number, slot, sending = ARGV[1], ARGV[2], tonumber(ARGV[3])

-- A list is a range of ARGV, whose parts go from there to commands without being copied.
local lists, first = {}, 12
for i = 4, 11 do
  local length = tonumber(ARGV[i])
  lists[#lists + 1] = {first = first, last = first + length - 1}
  first = first + length
end
local checked, revisions, added, deltas, bounds, puts, deletes, hashes = unpack(lists)

local function at(list, i) return ARGV[list.first + i - 1] end

-- Whether decimal text a is greater than b. By digits: text is compared by the server's locale.
local function greater(a, b)
  local negative = a:sub(1, 1) == '-'
  if negative ~= (b:sub(1, 1) == '-') then return not negative end
  if negative then a, b = b:sub(2), a:sub(2) end
  if #a ~= #b then return #a > #b end
  local high_a, high_b = tonumber(a:sub(1, 10)), tonumber(b:sub(1, 10))
  if high_a ~= high_b then return high_a > high_b end
  return #a > 10 and tonumber(a:sub(11)) > tonumber(b:sub(11))
end

-- Runs a command with a key and any number of arguments, some at a time: a range of the table.
local function write(command, key, arguments, first, last)
  for from = first, last, CHUNK do
    redis.call(command, key, unpack(arguments, from, math.min(from + CHUNK - 1, last)))
  end
end

local function read(key, fields)
  local found = {}
  for from = fields.first, fields.last, CHUNK do
    local to = math.min(from + CHUNK - 1, fields.last)
    for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV, from, to))) do
      found[#found + 1] = value
    end
  end
  return found
end

-- Also keeps the ring from expiring while its writer lives.
local function record(outcome)
  redis.call('HSET', ring, slot, number .. ' ' .. sending .. ' ' .. outcome)
  if redis.call('TTL', ring) < RING_SECONDS / 2 then
    redis.call('EXPIRE', ring, RING_SECONDS)
  end
end

-- A conflict leaves a mark only where an earlier sending may still arrive, to stop it.
local function conflict(kind, name, found)
  if sending > 0 then record('refused') end
  return {kind, name, found}
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

-- From here on everything is written. Distinct counts first: should one of them turn out damaged,
-- what was put into others is no harm, for it may be put again.
for i = 1, hashes.last - hashes.first + 1 do
  local packed, each = at(hashes, i), {}
  for from = 1, #packed, HASH_BYTES do
    each[#each + 1] = packed:sub(from, from + HASH_BYTES - 1)
  end
  write('PFADD', KEYS[DISTINCT_FROM + i - 1], each, 1, #each)
end

-- One command for all that fit; HINCRBY takes one counter, and any number.
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
