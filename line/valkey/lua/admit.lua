-- Advances admission and publishes how fast it goes; only for the holder of the lease.
-- KEYS line, waves · ARGV epoch, token, up to, now (ms), what is shown, most waves
local line, waves = KEYS[1], KEYS[2]
local h = redis.call('HMGET', line, 'epoch', 'token', 'admitted', 'joined')
if h[1] ~= ARGV[1] then return redis.error_reply('LOST another epoch') end
if h[2] ~= ARGV[2] then return redis.error_reply('FENCED another node has the lease') end
redis.call('HSET', line, 'shown', ARGV[5])
if tonumber(ARGV[3]) > tonumber(h[3]) then
  redis.call('HSET', line, 'admitted', ARGV[3])
  redis.call('RPUSH', waves, ARGV[4] .. ' ' .. ARGV[3])
  redis.call('LTRIM', waves, -tonumber(ARGV[6]), -1)
  if redis.call('PTTL', waves) < 0 then redis.call('PEXPIRE', waves, redis.call('PTTL', line)) end
end
return redis.status_reply('OK')
