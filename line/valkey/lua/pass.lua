-- Enters people and ends passes, in the order given. Gives for each: code, serial, expiry, device; at the end the number
-- of live passes. Codes: 0 live or ended, 1 not the person's turn, 2 another device, 3 full.
-- KEYS line, passes, inside, claims
-- ARGV epoch, now (s), most inside, expiry of a new pass (s), how long claims are kept (ms), how far a clock may be off (s; 0: any),
--      then for each: what (enter, take, leave), person, device, number
local line, passes, inside, claims = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local h = redis.call('HMGET', line, 'epoch', 'admitted')
if h[1] ~= ARGV[1] then return redis.error_reply('LOST another epoch') end
local now, most, expires = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local admitted = tonumber(h[2])
-- A node whose clock is wrong would end everybody's passes, and give some that last for hours.
if ARGV[6] ~= '0' and math.abs(tonumber(redis.call('TIME')[1]) - now) > tonumber(ARGV[6]) then return redis.error_reply('CLOCK') end
for _, who in ipairs(redis.call('ZRANGEBYSCORE', inside, '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('HDEL', passes, who)
  redis.call('ZREM', inside, who)
end
local live = redis.call('ZCOUNT', inside, '(' .. ARGV[2], '+inf')
local out, claimed = {}, {}
for i = 7, #ARGV, 4 do
  local what, who, device, number = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local had, serial, till = false, 0, 0
  local rec = redis.call('HGET', passes, who)
  if rec then
    serial, till = struct.unpack('>I8I8', string.sub(rec, 17))
    had = till > now
  end
  local code = 0
  if what == 'leave' then
    if rec then
      redis.call('HDEL', passes, who)
      redis.call('ZREM', inside, who)
      if had then live = live - 1 end
    end
    serial, till, device = 0, 0, ''
  elseif number == 0 or number > admitted then
    code, serial, till, device = 1, 0, 0, ''
  elseif had and string.sub(rec, 1, 16) == device then
    code = 0
  elseif had and what ~= 'take' then
    code, serial, till, device = 2, 0, 0, ''
  elseif not had and live >= most then
    code, serial, till, device = 3, 0, 0, ''
  else
    if not had then
      live = live + 1
      claimed[#claimed + 1] = struct.pack('>I4', number)
    end
    serial, till = redis.call('HINCRBY', line, 'serial', 1), expires
    redis.call('HSET', passes, who, device .. struct.pack('>I8I8', serial, till))
    redis.call('ZADD', inside, till, who)
  end
  out[#out + 1] = code
  out[#out + 1] = serial
  out[#out + 1] = till
end
if #claimed > 0 then
  local t = redis.call('TIME')
  local since = t[1] * 1000 + math.floor(t[2] / 1000) - tonumber(ARGV[5])
  redis.call('XADD', claims, 'MINID', '~', string.format('%.0f', math.max(since, 0)), '*', 'n', table.concat(claimed))
  local life = redis.call('PTTL', line)
  for _, k in ipairs({passes, inside, claims}) do
    if redis.call('PTTL', k) < 0 then redis.call('PEXPIRE', k, life) end
  end
end
out[#out + 1] = live
return out
