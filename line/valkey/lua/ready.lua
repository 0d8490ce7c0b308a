-- Says that every bucket carries its mark: from now on a bucket without one has lost its people.
-- KEYS line · ARGV epoch
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.error_reply('LOST another epoch') end
return redis.call('HSET', KEYS[1], 'ready', 1)
