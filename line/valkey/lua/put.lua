-- Keeps people's seqs in their bucket. Who has one there keeps it. Gives the seq of each.
-- KEYS bucket · ARGV epoch, person, seq, person, seq …
local bucket = KEYS[1]
if redis.call('HGET', bucket, '') ~= ARGV[1] then return redis.error_reply('LOST a bucket') end
local out = {}
for i = 2, #ARGV, 2 do
  if redis.call('HSETNX', bucket, ARGV[i], ARGV[i + 1]) == 1 then
    out[#out + 1] = tonumber(ARGV[i + 1])
  else
    out[#out + 1] = tonumber(redis.call('HGET', bucket, ARGV[i]))
  end
end
return out
