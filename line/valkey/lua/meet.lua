-- Gives the facts of a campaign's line; makes them when the store does not know the campaign and that is allowed.
-- KEYS line · ARGV epoch, seed, draw (0 or 1), buckets, may found (0 or 1), life (ms)
local line = KEYS[1]
local h = redis.call('HMGET', line, 'epoch', 'joined', 'gathered')
if not h[1] then
  if redis.call('EXISTS', line) == 1 then return redis.error_reply('LOST the facts of the line are gone') end
  if ARGV[5] ~= '1' then return redis.error_reply('LOST the store does not know this line') end
  redis.call('HSET', line, 'epoch', ARGV[1], 'seed', ARGV[2], 'draw', ARGV[3], 'buckets', ARGV[4],
    'joined', 0, 'admitted', 0, 'gen', 1, 'rotated', 0, 'serial', 0, 'terms', 0)
elseif h[2] == '0' and not h[3] then
  -- The first to take a place was told how the line is ordered.
  redis.call('HSET', line, 'draw', ARGV[3])
end
redis.call('PEXPIRE', line, ARGV[6])
return redis.call('HMGET', line, 'epoch', 'seed', 'draw', 'buckets', 'ready')
