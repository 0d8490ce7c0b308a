-- Puts seats into a bucket that is being filled: a person has the earliest of theirs.
-- KEYS bucket · ARGV epoch, number of people, people …, seqs …
local bucket, n = KEYS[1], tonumber(ARGV[2])
if redis.call('HGET', bucket, '') ~= ARGV[1] then return redis.error_reply('LOST a bucket') end
local out, put = {}, {} -- put: who stands more than once in this call
for i = 3, 2 + n, 1000 do -- Lua passes no more than some thousand arguments on
  local j = math.min(i + 999, 2 + n)
  local have, set = redis.call('HMGET', bucket, unpack(ARGV, i, j)), {}
  for k = i, j do
    local seq, had = tonumber(ARGV[k + n]), put[ARGV[k]] or tonumber(have[k - i + 1] or '0')
    if had == 0 or had > seq then
      set[#set + 1] = ARGV[k]
      set[#set + 1] = seq
      had = seq
      put[ARGV[k]] = seq
    end
    out[#out + 1] = had
  end
  if #set > 0 then redis.call('HSET', bucket, unpack(set)) end
end
return out
