#!lua flags=no-writes
-- Counts the different hashes in the union of distinct counts, if all of them are exact.
--
-- KEYS: three for each count: registers of an earlier Sluice, registers, and the set of its hashes.
-- ARGV: how many hashes the sets may hold in all.
-- Replies with the number; -1 if a count is not exact, or if the sets hold too many hashes.

local sets, total = {}, 0
for i = 1, #KEYS, 3 do
  local size = redis.call('SCARD', KEYS[i + 2])
  if redis.call('EXISTS', KEYS[i]) == 1 then return -1 end
  if size == 0 and redis.call('EXISTS', KEYS[i + 1]) == 1 then return -1 end
  if size > 0 then
    sets[#sets + 1] = KEYS[i + 2]
    total = total + size
  end
end
if #sets < 2 then return total end
if total > tonumber(ARGV[1]) then return -1 end
return #redis.call('SUNION', unpack(sets))
