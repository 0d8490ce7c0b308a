-- Keeps different people's seqs in their bucket. Who has one there keeps it. Gives the seq of each.
-- KEYS bucket · ARGV epoch, number of people, people …, seqs …
local bucket, n = KEYS[1], tonumber(ARGV[2])
if redis.call('HGET', bucket, '') ~= ARGV[1] then return redis.error_reply('LOST a bucket') end
local out = {}
for i = 3, 2 + n, 1000 do -- Lua passes no more than some thousand arguments on
  local j = math.min(i + 999, 2 + n)
  local have, set = redis.call('HMGET', bucket, unpack(ARGV, i, j)), {}
  for k = i, j do
    local seq = have[k - i + 1]
    if not seq then
      seq = ARGV[k + n]
      set[#set + 1] = ARGV[k]
      set[#set + 1] = seq
    end
    out[#out + 1] = tonumber(seq)
  end
  if #set > 0 then redis.call('HSET', bucket, unpack(set)) end
end
return out
