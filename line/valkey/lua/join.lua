-- Gives the next seqs to a batch of different people whom their buckets do not know, in the order given.
-- Whoever is pending has a seq already. The buckets must have been read in this generation (gen): what was pending in an
-- older one is in its bucket, and was seen there.
-- KEYS line, pending of gen, pending of gen-1, open of gen, open of gen-1
-- ARGV epoch, gen, opening is past (0 or 1), highest seq the caller knows, batch, most places,
--      now (s), how far a clock may be off (s; 0: any), number of finished batches, those batches …, people …
local line, pending, before, open = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local h = redis.call('HMGET', line, 'epoch', 'gen', 'joined', 'gathered', 'draw')
if h[1] ~= ARGV[1] then return redis.error_reply('LOST another epoch') end
if h[2] ~= ARGV[2] then return {0, h[2]} end
-- A node whose clock is wrong would let people in before the gathering, or fix who gathered before the opening.
if ARGV[8] ~= '0' and math.abs(tonumber(redis.call('TIME')[1]) - tonumber(ARGV[7])) > tonumber(ARGV[8]) then return redis.error_reply('CLOCK') end
local joined, known, most = tonumber(h[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
if joined < known then
  -- The store went back behind what it had told, as a failover can make it. Those seqs are never given again.
  redis.call('HINCRBY', line, 'gaps', known - joined)
  joined = known
  redis.call('HSET', line, 'joined', joined)
end
local gathered = h[4]
if ARGV[3] == '1' and h[5] == '1' and not gathered then
  gathered = joined
  redis.call('HSET', line, 'gathered', gathered)
end
local at = 10 + tonumber(ARGV[9])
for i = 10, at - 1 do
  if redis.call('HDEL', open, ARGV[i]) == 0 then redis.call('HDEL', KEYS[5], ARGV[i]) end
end
local out, fresh = {1, joined, gathered or -1}, {}
for i = at, #ARGV, 1000 do -- Lua passes no more than some thousand arguments on
  local j = math.min(i + 999, #ARGV)
  local now = redis.call('HMGET', pending, unpack(ARGV, i, j))
  local old = redis.call('HMGET', before, unpack(ARGV, i, j))
  local set = {}
  for k = i, j do
    local seq = now[k - i + 1] or old[k - i + 1]
    if seq then
      out[#out + 1] = tonumber(seq)
    elseif joined >= most then
      out[#out + 1] = 0
    else
      joined = joined + 1
      set[#set + 1] = ARGV[k]
      set[#set + 1] = joined
      fresh[#fresh + 1] = ARGV[k]
      fresh[#fresh + 1] = struct.pack('>I4', joined)
      out[#out + 1] = -joined -- new
    end
  end
  if #set > 0 then redis.call('HSET', pending, unpack(set)) end
end
if #fresh > 0 then
  redis.call('HSET', line, 'joined', joined)
  local t = redis.call('TIME')
  redis.call('HSET', open, ARGV[5], struct.pack('>I4', tonumber(t[1])) .. table.concat(fresh))
  local life = redis.call('PTTL', line)
  if redis.call('PTTL', pending) < 0 then redis.call('PEXPIRE', pending, life) end
  if redis.call('PTTL', open) < 0 then redis.call('PEXPIRE', open, life) end
end
out[2] = joined
return out
